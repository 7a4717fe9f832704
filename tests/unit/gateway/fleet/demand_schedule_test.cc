#include "gateway/fleet/demand_schedule.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <set>

namespace hearth::fleet {
namespace {

using namespace std::chrono_literals;
using Urgency = DemandSchedule::Urgency;

MonotonicTime At(Duration d) { return MonotonicTime(1000s + d); }

// Connected, the full report sent at 0.
DemandSchedule Connected() {
  DemandSchedule schedule;
  schedule.OnConnected();
  REQUIRE(schedule.Take(At(0s)));
  return schedule;
}

TEST_CASE("The first report of a stream is full, also after a reconnect") {
  DemandSchedule schedule;
  schedule.OnChange(1, Urgency::kNow, At(0s));
  CHECK_FALSE(schedule.Due());  // nobody to tell
  CHECK_FALSE(schedule.Take(At(0s)));
  schedule.OnConnected();
  auto batch = schedule.Take(At(1s));
  REQUIRE(batch);
  CHECK(batch->full);
  CHECK_FALSE(schedule.Due());

  schedule.OnDisconnected();
  schedule.OnChange(2, Urgency::kRoutine, At(2s));
  CHECK_FALSE(schedule.Due());
  schedule.OnConnected();
  batch = schedule.Take(At(3s));
  REQUIRE(batch);
  CHECK(batch->full);
}

TEST_CASE("The first waiter of a cold function is reported at once, the following ones gathered") {
  DemandSchedule schedule = Connected();
  schedule.OnChange(7, Urgency::kNow, At(1ms));  // right after another report
  REQUIRE(schedule.Due() == At(1ms));
  auto batch = schedule.Take(At(1ms));
  REQUIRE(batch);
  CHECK_FALSE(batch->full);
  CHECK(batch->functions == std::vector<uint32_t>{7});
  schedule.OnReported(7, true, true);

  schedule.OnChange(7, Urgency::kNow, At(1100us));
  CHECK(schedule.Due() == At(6ms));
  CHECK_FALSE(schedule.Take(At(5ms)));
  // Another cold function does not wait for it, and takes it along.
  schedule.OnChange(8, Urgency::kNow, At(2ms));
  batch = schedule.Take(At(2ms));
  REQUIRE(batch);
  CHECK(batch->functions == std::vector<uint32_t>{7, 8});
}

TEST_CASE("Counts that change are gathered for longer") {
  DemandSchedule schedule = Connected();
  schedule.OnChange(1, Urgency::kRoutine, At(10ms));
  schedule.OnChange(2, Urgency::kRoutine, At(20ms));
  CHECK(schedule.Due() == At(50ms));
  const auto batch = schedule.Take(At(50ms));
  REQUIRE(batch);
  CHECK(batch->functions == std::vector<uint32_t>{1, 2});
  CHECK_FALSE(schedule.Due());
}

TEST_CASE("A quiet schedule reports a change without delay") {
  DemandSchedule schedule = Connected();
  schedule.OnChange(1, Urgency::kRoutine, At(10s));
  CHECK(schedule.Due() == At(10s));
}

TEST_CASE("What is inside is said again by a heartbeat") {
  DemandSchedule schedule = Connected();
  schedule.OnReported(3, false, true);
  REQUIRE(schedule.Due() == At(1s));
  // Reports about others do not put it off.
  schedule.OnChange(4, Urgency::kRoutine, At(500ms));
  REQUIRE(schedule.Take(At(500ms)));
  REQUIRE(schedule.Due() == At(1s));
  auto batch = schedule.Take(At(1s));
  REQUIRE(batch);
  CHECK(batch->functions == std::vector<uint32_t>{3});
  schedule.OnReported(3, false, false);
  CHECK_FALSE(schedule.Due());
}

TEST_CASE("A deleted function is not reported") {
  DemandSchedule schedule = Connected();
  schedule.OnReported(3, true, true);
  schedule.Forget(3);
  CHECK_FALSE(schedule.Due());
}

TEST_CASE("No change is lost and no report comes early") {
  rc::prop("for any changes", [](const std::vector<std::tuple<uint8_t, bool, uint8_t>>& steps) {
    DemandSchedule schedule;
    schedule.OnConnected();
    (void)schedule.Take(At(0s));
    std::set<uint32_t> unreported;
    Duration now{};
    for (const auto& [function_byte, urgent, wait] : steps) {
      now += std::chrono::milliseconds(wait % 40);
      const uint32_t function = function_byte % 5;
      schedule.OnChange(function, urgent ? Urgency::kNow : Urgency::kRoutine, At(now));
      unreported.insert(function);
      RC_ASSERT(schedule.Due().has_value());
      RC_ASSERT(*schedule.Due() <= At(now) + 50ms);
      if (auto batch = schedule.Take(At(now))) {
        for (const uint32_t f : batch->functions) {
          unreported.erase(f);
          schedule.OnReported(f, urgent, urgent);
        }
        RC_ASSERT(unreported.empty());
      }
    }
    now += 10s;
    if (auto batch = schedule.Take(At(now))) {
      for (const uint32_t f : batch->functions) unreported.erase(f);
    }
    RC_ASSERT(unreported.empty());
  });
}

}  // namespace
}  // namespace hearth::fleet
