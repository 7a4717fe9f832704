#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"

namespace hearth::fleet {

// How long to wait before the next attempt to reach a controller: doubling from 100 ms to 2 s, the
// upper half of each step drawn at random, so that gateways do not come back all at once. On one
// machine an attempt costs next to nothing, and a smaller maximum brings the controller's return
// forward. Pure.
class Backoff {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(100);
  static constexpr Duration kMax = std::chrono::seconds(2);
  static constexpr Duration kMaxLocal = std::chrono::milliseconds(200);

  explicit Backoff(Duration max = kMax) : max_(max) {}

  // `random` is any number; all of them give a wait between half the step and the step.
  Duration Next(uint64_t random) {
    const Duration step = step_;
    step_ = std::min(step_ * 2, max_);
    const int64_t half = step.count() / 2;
    return Duration(half + static_cast<int64_t>(random % static_cast<uint64_t>(half + 1)));
  }
  void Reset() { step_ = kFirst; }  // the controller has spoken

 private:
  const Duration max_;
  Duration step_ = kFirst;
};

}  // namespace hearth::fleet
