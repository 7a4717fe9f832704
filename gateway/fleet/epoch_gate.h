#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hearth::fleet {

// Decides which of the controllers is obeyed: the leader with the newest epoch that was ever seen,
// and of several streams to it the first. Pure; its owner guards it.
class EpochGate {
 public:
  enum class Verdict : uint8_t {
    kObey,       // its snapshot and deltas count
    kStandby,    // not the leader
    kStale,      // a leader once, of an epoch that has passed
    kDuplicate,  // the same epoch as the obeyed stream
  };

  explicit EpochGate(size_t links) : links_(links) {}

  // A controller introduced itself, or did so again after an election. An older leader that was
  // obeyed until now is not obeyed any more.
  Verdict OnHello(size_t link, uint64_t epoch, bool leader);

  // The stream broke. Returns another one to the same leader, if there is one: it has to be opened
  // again, because what it sent was not taken.
  std::optional<size_t> OnLost(size_t link);

  bool Obeyed(size_t link) const { return obeyed_ == link; }
  std::optional<size_t> obeyed() const { return obeyed_; }
  uint64_t newest_epoch() const { return newest_; }

 private:
  struct Link {
    bool connected = false;
    bool leader = false;
    uint64_t epoch = 0;
  };
  std::vector<Link> links_;
  std::optional<size_t> obeyed_;
  uint64_t newest_ = 0;
};

}  // namespace hearth::fleet
