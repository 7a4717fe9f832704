#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/base/clock.h"

namespace hearth::h2 {

// Tells a peer that makes work from one that does: frames without use (PING, SETTINGS, PRIORITY,
// empty DATA, streams reset as soon as begun) cost a token, time and useful frames give some back.
// gRPC clients ping as often as data moves, so that a plain rate would hit the wrong ones. A value.
class FloodGuard {
 public:
  static constexpr uint64_t kBurst = 1000;
  static constexpr uint64_t kRefill = 50;  // a second

  // False: the peer is a nuisance.
  bool Spend(MonotonicTime now) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - refilled_).count();
    if (refilled_ == MonotonicTime{} || ms >= 1000) {
      const uint64_t gain = refilled_ == MonotonicTime{} ? kBurst : Refill(ms);
      tokens_ = std::min(kBurst, tokens_ + gain);
      refilled_ = now;
    }
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }
  void Credit(uint64_t tokens) { tokens_ = std::min(kBurst, tokens_ + tokens); }

 private:
  static uint64_t Refill(int64_t ms) {
    return static_cast<uint64_t>(std::min<int64_t>(ms, 3'600'000)) * kRefill / 1000;
  }
  uint64_t tokens_ = 0;
  MonotonicTime refilled_{};
};

}  // namespace hearth::h2
