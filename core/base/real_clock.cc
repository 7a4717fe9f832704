#include "core/base/real_clock.h"

#include <time.h>

namespace hearth {
namespace {

Duration Read(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
}

}  // namespace

MonotonicTime RealClock::Now() const { return MonotonicTime(Read(CLOCK_MONOTONIC)); }
WallTime RealClock::WallNow() const { return WallTime(Read(CLOCK_REALTIME)); }

}  // namespace hearth
