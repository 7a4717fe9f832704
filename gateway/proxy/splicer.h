#pragma once

#include <cstdint>

#include "core/base/unique_fd.h"
#include "core/net/stream.h"
#include "gateway/proxy/outbox.h"

namespace hearth::proxy {

// Moves payload from one socket to another inside the kernel, for bodies too large to be worth
// looking at. One pipe for each loop: it is empty whenever control returns, because what the
// receiving socket does not take at once is copied into its Outbox. Loop's thread.
class Splicer {
 public:
  // Smaller rests are copied: the pipe's system calls cost more than they save.
  static constexpr uint64_t kWorthIt = 128 * 1024;

  enum class End : uint8_t {
    kMoved,     // something; the source may hold more
    kNoSource,  // the source is empty for now: its next edge tells
    kEof,       // the source has ended
    kSourceDead,
    kTargetFull,  // earlier bytes are still on their way
    kTargetDead,
    kUnsupported,  // not between these: copy
  };
  struct Result {
    End end;
    uint64_t moved = 0;  // bytes taken from the source
  };
  bool CanMove(const net::Stream& from, const net::Stream& to) const {
    return !unsupported_ && from.fd() >= 0 && to.fd() >= 0;
  }
  // Moves at most `limit` bytes, in one step. `out` is the target's and is empty before.
  Result Step(net::Stream& from, net::Stream& to, Outbox& out, uint64_t limit);

 private:
  bool Open();
  bool DrainInto(net::Stream& to, Outbox& out, uint64_t left);

  UniqueFd read_end_;
  UniqueFd write_end_;
  bool unsupported_ = false;
};

}  // namespace hearth::proxy
