#include "controller/scale/load_tracker.h"

#include <catch2/catch.hpp>

using namespace hearth;
using namespace hearth::controller;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const FunctionKey kHello{"default", "hello"};
const GatewayId kOne("one");
const GatewayId kTwo("two");

FunctionLoad Load(uint32_t queued, uint32_t in_flight, uint64_t completed = 0) {
  FunctionLoad l;
  l.function = kHello;
  l.queued = queued;
  l.in_flight = in_flight;
  l.completed_total = completed;
  return l;
}

}  // namespace

TEST_CASE("Data is complete once every gateway has told everything") {
  LoadTracker t;
  MonotonicTime now{seconds(1000)};
  CHECK_FALSE(t.Windows(kHello, now).complete);
  t.GatewayConnected(kOne, now);
  CHECK_FALSE(t.Windows(kHello, now).complete);
  t.Report(kOne, true, {Load(0, 3)}, now);
  CHECK(t.Windows(kHello, now).complete);
  t.GatewayConnected(kTwo, now);
  CHECK_FALSE(t.Windows(kHello, now).complete);
  t.Report(kTwo, true, {Load(1, 1)}, now);
  const LoadWindows w = t.Windows(kHello, now);
  CHECK(w.complete);
  CHECK(w.in_flight == 4);
  CHECK(w.queued == 1);

  SECTION("a lost gateway makes it incomplete until it is back or forgotten") {
    t.GatewayLost(kTwo, now);
    CHECK_FALSE(t.Windows(kHello, now).complete);
    CHECK_FALSE(t.Windows(kHello, now + seconds(59)).complete);
    CHECK(t.Windows(kHello, now + seconds(60)).complete);
  }
  SECTION("a full report without a function means that it is quiet there") {
    t.Report(kOne, true, {}, now);
    CHECK(t.Windows(kHello, now).in_flight == 1);
  }
  SECTION("without any gateway nothing is ever known") {
    t.GatewayLost(kOne, now);
    t.GatewayLost(kTwo, now);
    CHECK_FALSE(t.Windows(kHello, now + std::chrono::hours(1)).complete);
  }
}

TEST_CASE("Requests that do not end say how long they take") {
  LoadTracker t;
  const MonotonicTime start{seconds(1000)};
  t.GatewayConnected(kOne, start);
  t.Report(kOne, true, {Load(9, 1)}, start);
  CHECK(t.Windows(kHello, start + milliseconds(300)).service_time == milliseconds(300));
  t.Report(kOne, false, {Load(8, 1, 1)}, start + milliseconds(400));
  CHECK(t.Windows(kHello, start + milliseconds(500)).service_time == milliseconds(100));
}

TEST_CASE("A need is remembered until the window is over, and lasts until the next decision") {
  LoadTracker t;
  const MonotonicTime start{seconds(1000)};
  t.Record(kHello, 5, 5, start);
  CHECK(t.Windows(kHello, start + seconds(300)).recent_need == 5);
  t.Record(kHello, 5, 0, start + seconds(300));
  CHECK(t.Windows(kHello, start + seconds(330)).recent_need == 5);
  CHECK(t.Windows(kHello, start + seconds(331)).recent_need == 0);
}

TEST_CASE("Quiet since the last request, as the gateway tells it") {
  LoadTracker t;
  const MonotonicTime start{seconds(1000)};
  t.GatewayConnected(kOne, start);
  t.Report(kOne, true, {}, start);
  FunctionLoad l = Load(0, 0, 1);
  l.last_activity_ago = seconds(4);
  t.Report(kOne, false, {l}, start + seconds(10));
  CHECK(t.Windows(kHello, start + seconds(20)).quiet_since == start + seconds(6));
  t.Touch(kHello, start + seconds(12));
  CHECK(t.Windows(kHello, start + seconds(20)).quiet_since == start + seconds(12));
}

TEST_CASE("Invocations add up over restarts of either side") {
  LoadTracker t;
  const MonotonicTime now{seconds(1000)};
  t.GatewayConnected(kOne, now);
  t.Report(kOne, true, {Load(0, 0, 10)}, now);
  t.Report(kOne, false, {Load(0, 0, 15)}, now);
  CHECK(t.InvocationsOf(kHello).sum == 15);

  LoadTracker after_restart;
  after_restart.RestoreInvocations(kHello, t.InvocationsOf(kHello));
  after_restart.GatewayConnected(kOne, now);
  after_restart.Report(kOne, true, {Load(0, 0, 18)}, now);
  after_restart.GatewayConnected(kTwo, now);
  after_restart.Report(kTwo, true, {Load(0, 0, 2)}, now);
  CHECK(after_restart.InvocationsOf(kHello).sum == 20);
}
