#include "controller/scale/decide.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <string>
#include <vector>

using namespace hearth;
using namespace hearth::controller;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const MonotonicTime kNow{std::chrono::hours(10)};

ScalePolicy Policy(uint32_t min = 0, uint32_t max = 20) {
  ScalePolicy p;
  p.min = min;
  p.max = max;
  p.start_parallelism = 4;
  return p;
}

LoadWindows Complete(uint32_t current) {
  LoadWindows w;
  w.complete = true;
  w.complete_since = kNow - std::chrono::hours(1);
  w.quiet_since = kNow;
  w.current = current;
  return w;
}

LoadWindows Backlog(uint32_t queued, Duration service_time, uint32_t current = 0) {
  LoadWindows w = Complete(current);
  w.queued = queued;
  w.service_time = service_time;
  return w;
}

}  // namespace

TEST_CASE("From zero: the backlog is weighed by its service time against a boot") {
  struct Case {
    std::string name;
    uint32_t queued;
    Duration service_time;
    uint32_t at_least;
    uint32_t at_most;
  };
  const std::vector<Case> cases = {
      {"one call of unknown length starts one", 1, {}, 1, 1},
      {"one long call starts one", 1, seconds(30), 1, 1},
      {"ten one-second calls start ten", 10, seconds(1), 10, 10},
      {"a thousand one-millisecond calls do not start a thousand", 1000, milliseconds(1), 1, 10},
      {"ten one-millisecond calls start one", 10, milliseconds(1), 1, 1},
      {"calls of unknown length start what the host bears at once", 500, {}, 4, 4},
      {"a hundred long calls stop at max", 100, seconds(5), 20, 20},
  };
  for (const auto& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const Decision d = Decide(Policy(), Backlog(c.queued, c.service_time), kNow);
      INFO(d.reason);
      CHECK(d.desired >= c.at_least);
      CHECK(d.desired <= c.at_most);
      CHECK(d.recheck_after.has_value());
    }
  }
}

TEST_CASE("A backlog that outlives its estimate counts for more") {
  LoadWindows w = Backlog(50, milliseconds(1), 1);
  w.in_flight = 1;
  w.serving_since = kNow - seconds(10);
  const uint32_t fresh = Decide(Policy(), w, kNow).desired;
  w.oldest_queued = seconds(2);
  CHECK(Decide(Policy(), w, kNow).desired > fresh);
  // While nothing could serve, age says nothing about the estimate.
  w.serving_since.reset();
  CHECK(Decide(Policy(), w, kNow).desired == fresh);
}

TEST_CASE("Running requests decide the number of replicas") {
  LoadWindows w = Complete(2);
  w.in_flight = 35;
  ScalePolicy p = Policy();
  p.capacity = 10;
  p.target = 10;
  CHECK(Decide(p, w, kNow).desired == 4);
  p.target = 5;
  CHECK(Decide(p, w, kNow).desired == 7);
  p.max = 3;
  const Decision capped = Decide(p, w, kNow);
  CHECK(capped.desired == 3);
  CHECK(capped.reason.find("scaling.max is 3") != std::string::npos);
}

TEST_CASE("Requests a second, where the policy says so") {
  LoadWindows w = Complete(1);
  w.completed_per_second = 120;
  ScalePolicy p = Policy();
  p.metric = ScaleMetric::kRequestsPerSecond;
  p.target = 50;
  CHECK(Decide(p, w, kNow).desired == 3);
}

TEST_CASE("Down only after the delay, to zero only after the idle time") {
  LoadWindows w = Complete(8);
  w.recent_need = 5;
  SECTION("the need of a moment ago holds") { CHECK(Decide(Policy(), w, kNow).desired == 5); }
  SECTION("after the delay one stays") {
    w.recent_need = 0;
    const Decision d = Decide(Policy(), w, kNow);
    CHECK(d.desired == 1);
    REQUIRE(d.recheck_after.has_value());
    CHECK(*d.recheck_after == minutes(5));
  }
  SECTION("after the idle time none") {
    w.quiet_since = kNow - minutes(5);
    CHECK(Decide(Policy(), w, kNow).desired == 0);
    CHECK(Decide(Policy(2), w, kNow).desired == 2);
  }
  SECTION("not with a request inside") {
    w.quiet_since = kNow - minutes(50);
    w.recent_need = 1;
    w.in_flight = 1;
    CHECK(Decide(Policy(), w, kNow).desired == 1);
  }
  SECTION("not a moment before") {
    w.quiet_since = kNow - minutes(5) + milliseconds(1);
    w.recent_need = 0;
    CHECK(Decide(Policy(), w, kNow).desired == 1);
  }
}

TEST_CASE("Missing data takes nothing away") {
  LoadWindows w = Complete(6);
  w.complete = false;
  w.quiet_since = kNow - std::chrono::hours(5);
  CHECK(Decide(Policy(), w, kNow).desired == 6);
  SECTION("but what is there still adds") {
    w.queued = 9;
    w.service_time = seconds(2);
    w.in_flight = 6;
    CHECK(Decide(Policy(), w, kNow).desired == 15);
  }
  SECTION("and a lowered max counts") { CHECK(Decide(Policy(0, 2), w, kNow).desired == 2); }
  SECTION("data that has just become complete does not cover the window") {
    w.complete = true;
    w.complete_since = kNow - seconds(1);
    w.quiet_since = w.complete_since;
    CHECK(Decide(Policy(), w, kNow).desired == 6);
  }
}

TEST_CASE("A number set by the user") {
  ScalePolicy p = Policy(1, 5);
  p.replicas = 7;
  CHECK(Decide(p, Complete(1), kNow).desired == 7);
  SECTION("zero is at once, below min, and until a request comes") {
    p.replicas = 0;
    p.replicas_since = kNow;
    CHECK(Decide(p, Complete(3), kNow).desired == 0);
    CHECK(Decide(p, Backlog(1, {}), kNow).desired == 1);
    // After that request the idle time counts.
    LoadWindows w = Complete(1);
    p.replicas_since = kNow - seconds(10);
    w.quiet_since = kNow - seconds(5);
    CHECK(Decide(p, w, kNow).desired == 1);
    w.quiet_since = kNow - seconds(5);
    CHECK(Decide(p, w, kNow + minutes(6)).desired == 0);
  }
  SECTION("not with a request inside") {
    p.replicas = 0;
    p.replicas_since = kNow;
    LoadWindows w = Complete(2);
    w.in_flight = 1;
    CHECK(Decide(p, w, kNow).desired >= 1);
  }
}

TEST_CASE("PolicyOf resolves what a spec leaves open") {
  model::FunctionSpec spec;
  spec.concurrency = 0;
  const ScalePolicy p = PolicyOf(spec, {milliseconds(80), 3});
  CHECK(p.capacity == kUnlimitedCapacity);
  CHECK(p.target == kUnlimitedCapacity);
  CHECK(p.boot_time == milliseconds(80));
  CHECK(p.start_parallelism == 3);
  spec.scaling.target = 10;
  CHECK(PolicyOf(spec, {}).target == 10);
}

namespace {

struct AnyInput {
  ScalePolicy policy;
  LoadWindows load;
};

AnyInput Arbitrary() {
  AnyInput in;
  in.policy.min = *rc::gen::inRange<uint32_t>(0, 6);
  in.policy.max = in.policy.min + *rc::gen::inRange<uint32_t>(1, 50);
  in.policy.capacity = *rc::gen::inRange<uint32_t>(1, 120);
  in.policy.target = in.policy.capacity * *rc::gen::element(0.25, 0.5, 1.0);
  in.policy.start_parallelism = *rc::gen::inRange<uint32_t>(1, 16);
  in.policy.boot_time = milliseconds(*rc::gen::inRange(1, 5000));
  in.load.complete = *rc::gen::arbitrary<bool>();
  in.load.complete_since = kNow - seconds(*rc::gen::inRange(0, 100));
  in.load.queued = *rc::gen::inRange<uint32_t>(0, 3000);
  in.load.oldest_queued = milliseconds(*rc::gen::inRange(0, 10000));
  in.load.in_flight = *rc::gen::inRange<uint32_t>(0, 300);
  in.load.service_time = milliseconds(*rc::gen::inRange(1, 3000));
  in.load.quiet_since = kNow - seconds(*rc::gen::inRange(0, 900));
  if (*rc::gen::arbitrary<bool>()) {
    in.load.serving_since = kNow - seconds(*rc::gen::inRange(0, 60));
  }
  in.load.current = *rc::gen::inRange<uint32_t>(0, 40);
  in.load.recent_need = *rc::gen::inRange<uint32_t>(0, 40);
  return in;
}

}  // namespace

TEST_CASE("Properties of Decide") {
  rc::prop("stays within min and max", [] {
    const AnyInput in = Arbitrary();
    const Decision d = Decide(in.policy, in.load, kNow);
    RC_ASSERT(d.desired >= in.policy.min);
    RC_ASSERT(d.desired <= in.policy.max);
    RC_ASSERT(!d.reason.empty());
  });
  rc::prop("more load never asks for less", [] {
    const AnyInput in = Arbitrary();
    AnyInput more = in;
    more.load.queued += *rc::gen::inRange<uint32_t>(0, 200);
    more.load.in_flight += *rc::gen::inRange<uint32_t>(0, 50);
    RC_ASSERT(Decide(more.policy, more.load, kNow).desired >=
              Decide(in.policy, in.load, kNow).desired);
  });
  rc::prop("asked again, it says the same", [] {
    const AnyInput in = Arbitrary();
    const Decision first = Decide(in.policy, in.load, kNow);
    LoadWindows then = in.load;
    then.current = first.desired;
    then.recent_need = std::max(then.recent_need, first.need);
    RC_ASSERT(Decide(in.policy, then, kNow).desired == first.desired);
  });
  rc::prop("nothing is taken away on incomplete data, nor the last one from a request", [] {
    AnyInput in = Arbitrary();
    const Decision d = Decide(in.policy, in.load, kNow);
    if (!in.load.complete) RC_ASSERT(d.desired >= std::min(in.load.current, in.policy.max));
    if (in.load.in_flight > 0 || in.load.queued > 0) RC_ASSERT(d.desired >= 1u);
  });
}
