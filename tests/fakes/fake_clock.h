#pragma once

#include "core/base/clock.h"

namespace hearth::fakes {

// Time that stands still until a test moves it. Starts at a fixed wall time, so that formatted
// times can be compared. One thread.
class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override { return MonotonicTime(std::chrono::hours(1)) + passed_; }
  WallTime WallNow() const override {
    return WallTime(std::chrono::seconds(1'700'000'000)) + passed_;  // 2023-11-14T22:13:20Z
  }
  void Advance(Duration d) { passed_ += d; }

 private:
  Duration passed_{};
};

}  // namespace hearth::fakes
