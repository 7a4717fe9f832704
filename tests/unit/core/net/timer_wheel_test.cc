#include "core/net/timer_wheel.h"

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "tests/fakes/memory_loop.h"

namespace hearth::net {
namespace {

using std::chrono::milliseconds;

TEST_CASE("timers far ahead fire on their millisecond") {
  // Distances around the borders of the wheel's levels, from starts that lie across them.
  const std::vector<int64_t> distances = {1,    2,    63,     64,     65,      4095,     4096,
                                          4097, 5000, 262143, 262144, 1000000, 16777216, 100000000};
  for (const int64_t start : {0, 1, 63, 64, 4095, 262143}) {
    for (const int64_t distance : distances) {
      fakes::FakeClock clock;
      clock.Advance(milliseconds(start));
      fakes::MemoryLoop loop(clock);
      int fired = 0;
      Timer timer([&] { ++fired; });
      loop.ArmAfter(timer, milliseconds(distance));
      loop.Advance(milliseconds(distance) - Duration(1));
      REQUIRE(fired == 0);
      loop.Advance(Duration(1));
      REQUIRE(fired == 1);
    }
  }
}

TEST_CASE("a timer years ahead is kept, not fired early") {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  int fired = 0;
  Timer timer([&] { ++fired; });
  constexpr auto kYear = std::chrono::hours(24 * 365);
  loop.ArmAfter(timer, 5 * kYear);
  loop.Advance(4 * kYear);
  CHECK(fired == 0);
  loop.Advance(kYear);
  CHECK(fired == 1);
  Timer never([&] { ++fired; });
  loop.Arm(never, MonotonicTime::max());
  loop.Advance(100 * kYear);
  CHECK(fired == 1);
}

TEST_CASE("a deadline in the past fires in the next turn, once") {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  clock.Advance(milliseconds(10));
  int fired = 0;
  Timer timer([&] { ++fired; });
  loop.Arm(timer, loop.Now() - milliseconds(5));
  CHECK(fired == 0);
  loop.RunUntilIdle();
  CHECK(fired == 1);
  loop.Advance(milliseconds(100));
  CHECK(fired == 1);
}

TEST_CASE("a callback may cancel what is due in the same moment") {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  int fired = 0;
  Timer second([&] { ++fired; });
  auto third = std::make_unique<Timer>([&] { ++fired; });
  Timer first([&] {
    second.Cancel();
    third.reset();
  });
  loop.ArmAfter(first, milliseconds(3));
  loop.ArmAfter(second, milliseconds(3));
  loop.ArmAfter(*third, milliseconds(3));
  loop.Advance(milliseconds(10));
  CHECK(fired == 0);
}

}  // namespace
}  // namespace hearth::net
