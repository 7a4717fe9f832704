#pragma once

#include <chrono>

namespace hearth {

using Duration = std::chrono::nanoseconds;

// Tag of the monotonic time line. It has no now(): time comes only from an injected Clock.
struct MonotonicTimeline {
  using duration = Duration;
};
using MonotonicTime = std::chrono::time_point<MonotonicTimeline, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// Where time comes from. It exists so that every timeout, window and deadline can be tested without
// waiting. Implementations are thread-safe; the program's main owns the real one.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;  // CLOCK_MONOTONIC: for intervals and deadlines
  virtual WallTime WallNow() const = 0;   // for timestamps shown to people and on the wire
};

}  // namespace hearth
