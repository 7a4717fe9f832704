#pragma once

#include <algorithm>
#include <cstdint>

#include "core/net/buffer.h"
#include "core/net/stream.h"

namespace hearth::watchdog {

// One direction of a tunnel: what `from` sends goes to `to`, with at most kMax bytes in between,
// and the end of one is passed on as the end of the other. Belongs to whoever owns both streams.
class Pipe {
 public:
  static constexpr size_t kMax = 64 * 1024;
  enum class Result : uint8_t { kGoOn, kEnded, kBroken };

  // Moves what can be moved now; to be called whenever `from` is readable or `to` is writable.
  Result Pump(net::Stream& from, net::Stream& to) {
    while (true) {
      if (!buffer_.empty()) {
        const net::IoResult w = WriteAllOf(to, buffer_.view());
        if (w.status == net::IoStatus::kReset) return Result::kBroken;
        if (w.status == net::IoStatus::kOk) buffer_.Consume(w.bytes);
        if (!buffer_.empty()) return Result::kGoOn;
      }
      if (ended_) return Result::kEnded;
      const std::span<char> space = buffer_.Prepare(16 * 1024);
      const net::IoResult r = from.Read(space.first(std::min(space.size(), kMax)));
      if (r.status == net::IoStatus::kReset) return Result::kBroken;
      if (r.status == net::IoStatus::kWouldBlock) {
        buffer_.ReleaseIfEmpty();
        return Result::kGoOn;
      }
      if (r.status == net::IoStatus::kEof) {
        ended_ = true;
        to.ShutdownWrite();
        return Result::kEnded;
      }
      buffer_.Commit(r.bytes);
    }
  }
  bool ended() const { return ended_; }

 private:
  net::Buffer buffer_;
  bool ended_ = false;
};

}  // namespace hearth::watchdog
