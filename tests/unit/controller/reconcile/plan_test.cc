#include "controller/reconcile/plan.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace hearth;
using namespace hearth::controller;
using hearth::model::ReplicaState;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const MonotonicTime kNow{std::chrono::hours(10)};
const RevisionId kNew("r-new");
const RevisionId kOld("r-old");

PlannedFunction Fn(uint32_t desired) {
  PlannedFunction f;
  f.key = {"default", "hello"};
  f.revision = kNew;
  f.timeout = seconds(60);
  f.desired = desired;
  return f;
}

ObservedReplica Replica(std::string id, RevisionId revision, ReplicaState state,
                        Duration age = seconds(10)) {
  ObservedReplica r;
  r.replica.id = ReplicaId(std::move(id));
  r.replica.revision = std::move(revision);
  r.replica.state = state;
  r.replica.created = kNow - age;
  r.replica.changed = kNow - age;
  return r;
}

RouteSet Routes(RevisionId revision, std::vector<std::string> ids) {
  RouteSet::Share share{std::move(revision), kWholeWeight, {}};
  for (auto& id : ids) share.replicas.emplace_back(std::move(id));
  RouteSet routes;
  routes.shares.push_back(std::move(share));
  return routes;
}

std::vector<std::string> Text(const PlanResult& result) {
  std::vector<std::string> lines;
  for (const auto& action : result.actions) lines.push_back(ToText(action));
  return lines;
}

std::string ReadyReason(const PlanResult& result) {
  const Condition* ready = result.status.Find("Ready");
  return std::string(ToString(ready->status)) + " " + ready->reason;
}

using Lines = std::vector<std::string>;

Observed Serving(RevisionId revision) {
  Observed o;
  o.proven = {revision};
  o.serving = std::move(revision);
  o.routes = RouteSet{};
  return o;
}

}  // namespace

TEST_CASE("A new function is proven by one replica, whatever is wanted") {
  Observed o;
  PlanResult r = Plan(Fn(0), o, kNow);
  CHECK(Text(r) == Lines{"create r-new x1", "route none"});
  CHECK(ReadyReason(r) == "Unknown Deploying");
  CHECK(Text(Plan(Fn(10), o, kNow)) == Lines{"create r-new x1", "route none"});

  o.routes = RouteSet{};
  o.replicas = {Replica("a", kNew, ReplicaState::kStarting)};
  CHECK(Text(Plan(Fn(10), o, kNow)).empty());

  o.replicas = {Replica("a", kNew, ReplicaState::kReady)};
  r = Plan(Fn(0), o, kNow);
  CHECK(Text(r) == Lines{"proven r-new", "serve r-new", "route r-new*10000[a]"});
  CHECK(ReadyReason(r) == "True Serving");
  CHECK(Text(Plan(Fn(3), o, kNow)) ==
        Lines{"proven r-new", "serve r-new", "create r-new x2", "route r-new*10000[a]"});
}

TEST_CASE("At zero a proven function is ready and not active") {
  const PlanResult r = Plan(Fn(0), Serving(kNew), kNow);
  CHECK(r.actions.empty());
  CHECK(ReadyReason(r) == "True ScaledToZero");
  CHECK(r.status.Find("Active")->status == ConditionStatus::kFalse);
  CHECK(r.status.ready_revision == kNew);
  CHECK_FALSE(r.requeue_after.has_value());
}

TEST_CASE("Leaving: out of the routes, then acknowledged, then drained, then gone") {
  Observed o = Serving(kNew);
  o.routes = Routes(kNew, {"a", "b"});
  o.replicas = {Replica("a", kNew, ReplicaState::kReady), Replica("b", kNew, ReplicaState::kReady)};
  o.replicas[1].in_flight = 1;
  // The busier one stays.
  CHECK(Text(Plan(Fn(1), o, kNow)) == Lines{"route r-new*10000[b]"});
  o.routes = Routes(kNew, {"b"});
  CHECK(Text(Plan(Fn(1), o, kNow)).empty());
  SECTION("wanted again before it was released, it comes back") {
    CHECK(Text(Plan(Fn(2), o, kNow)) == Lines{"route r-new*10000[a,b]"});
  }
  o.replicas[0].released = true;
  CHECK(Text(Plan(Fn(1), o, kNow)) == Lines{"drain a within 1m"});
  o.replicas[0].replica.state = ReplicaState::kDraining;
  o.replicas[0].replica.changed = kNow;
  const PlanResult waiting = Plan(Fn(1), o, kNow);
  CHECK(Text(waiting).empty());
  CHECK(waiting.requeue_after == seconds(90));
  CHECK(Text(Plan(Fn(1), o, kNow + seconds(90))) == Lines{"kill a: did not leave in time"});
}

TEST_CASE("An update: the old revision serves until the new one can bear its load") {
  Observed o = Serving(kOld);
  o.routes = Routes(kOld, {"a", "b"});
  o.replicas = {Replica("a", kOld, ReplicaState::kReady), Replica("b", kOld, ReplicaState::kReady)};
  CHECK(Text(Plan(Fn(2), o, kNow)) == Lines{"create r-new x1"});

  o.replicas.push_back(Replica("n1", kNew, ReplicaState::kReady));
  PlanResult r = Plan(Fn(2), o, kNow);
  CHECK(Text(r) == Lines{"proven r-new", "create r-new x1"});
  CHECK(ReadyReason(r) == "Unknown RollingOut");
  CHECK(r.status.ready_revision == kOld);
  CHECK(r.requeue_after == seconds(20));

  SECTION("the whole traffic moves at once") {
    o.proven.insert(kNew);
    o.replicas.push_back(Replica("n2", kNew, ReplicaState::kReady));
    r = Plan(Fn(2), o, kNow);
    CHECK(Text(r) == Lines{"serve r-new", "route r-new*10000[n1,n2]"});
    CHECK(ReadyReason(r) == "True Serving");
  }
  SECTION("patience for the full number ends") {
    o.proven.insert(kNew);
    r = Plan(Fn(2), o, kNow + seconds(30));
    CHECK(Text(r) == Lines{"serve r-new", "create r-new x1", "route r-new*10000[n1]"});
  }
}

TEST_CASE("A revision that does not come up leaves the old one serving and shows why") {
  Observed o = Serving(kOld);
  o.routes = Routes(kOld, {"a"});
  o.replicas = {Replica("a", kOld, ReplicaState::kReady),
                Replica("n1", kNew, ReplicaState::kFailed)};
  Failures& f = o.failures[kNew];
  f.count = 3;
  f.last = kNow - seconds(5);
  f.reason = "exit status 1";
  f.last_output = {"boom"};
  const PlanResult r = Plan(Fn(1), o, kNow);
  CHECK(Text(r) == Lines{"kill n1: failed"});
  CHECK(ReadyReason(r) == "False CrashLoop");
  const std::string& message = r.status.Find("Ready")->message;
  CHECK(message.find("exit status 1") != std::string::npos);
  CHECK(message.find("r-old keeps serving") != std::string::npos);
  CHECK(r.status.recent_logs == Lines{"boom"});
  CHECK(r.status.available == 1);
  CHECK(r.requeue_after == seconds(15));
  CHECK(Text(Plan(Fn(1), o, kNow + seconds(15))) == Lines{"create r-new x1", "kill n1: failed"});
}

TEST_CASE("A crash loop backs off, tells callers, and tries one at a time") {
  const PlanConfig config;
  CHECK(BackoffAfter(1, config) == seconds(0));
  CHECK(BackoffAfter(2, config) == seconds(10));
  CHECK(BackoffAfter(3, config) == seconds(20));
  CHECK(BackoffAfter(6, config) == seconds(160));
  CHECK(BackoffAfter(7, config) == minutes(5));
  CHECK(BackoffAfter(4'000'000'000, config) == minutes(5));

  Observed o = Serving(kNew);
  Failures& f = o.failures[kNew];
  f.count = 2;
  f.last = kNow;
  f.reason = "exit status 3";
  CHECK(Text(Plan(Fn(5), o, kNow)) == Lines{"route none (crash loop: exit status 3)"});
  // The wait over, callers may queue again and one replica is tried.
  CHECK(Text(Plan(Fn(5), o, kNow + seconds(10))) == Lines{"create r-new x1"});
  o.replicas = {Replica("a", kNew, ReplicaState::kStarting)};
  CHECK(Text(Plan(Fn(5), o, kNow + seconds(10))).empty());
  o.replicas = {Replica("a", kNew, ReplicaState::kReady)};
  RecordReady(f, kNow + seconds(10));
  CHECK(Text(Plan(Fn(5), o, kNow + seconds(10))) ==
        Lines{"create r-new x4", "route r-new*10000[a]"});
}

TEST_CASE("One attempt counts one failure, however many replicas it had") {
  Failures f;
  model::Replica r;
  r.reason = "exit status 1";
  r.created = kNow;
  RecordFailure(f, r, {"x"}, kNow + seconds(1));
  RecordFailure(f, r, {"y"}, kNow + seconds(2));
  CHECK(f.count == 1);
  CHECK(f.last_output == Lines{"y"});
  r.created = kNow + seconds(3);
  RecordFailure(f, r, {}, kNow + seconds(4));
  CHECK(f.count == 2);
  RecordReady(f, kNow + seconds(5));
  CHECK_FALSE(f.failing());
  r.created = kNow + seconds(6);
  RecordFailure(f, r, {}, kNow + seconds(7));
  CHECK(f.count == 3);
  RecordReady(f, kNow + seconds(8));
  r.created = kNow + seconds(9);
  RecordFailure(f, r, {}, kNow + minutes(10));
  CHECK(f.count == 1);
}

TEST_CASE("The host's budget bounds what starts at once") {
  Observed o = Serving(kNew);
  o.start_budget = 2;
  PlanResult r = Plan(Fn(10), o, kNow);
  CHECK(Text(r) == Lines{"create r-new x2"});
  CHECK(r.requeue_after.has_value());
  o.start_budget = 0;
  r = Plan(Fn(10), o, kNow);
  CHECK(r.actions.empty());
  CHECK(r.requeue_after.has_value());
}

TEST_CASE("Replicas that gateways cannot reach are replaced, not killed") {
  Observed o = Serving(kNew);
  o.routes = Routes(kNew, {"a"});
  o.replicas = {Replica("a", kNew, ReplicaState::kReady)};
  o.replicas[0].suspect = true;
  CHECK(Text(Plan(Fn(1), o, kNow)) == Lines{"create r-new x1", "route none"});
  o.routes = RouteSet{};
  o.replicas[0].released = true;
  CHECK(Text(Plan(Fn(1), o, kNow)) == Lines{"create r-new x1", "drain a within 1m"});
}

TEST_CASE("Deleting: routes first, replicas when released, then nothing is left") {
  PlannedFunction fn = Fn(1);
  fn.deleted = true;
  Observed o = Serving(kNew);
  o.routes = Routes(kNew, {"a"});
  o.replicas = {Replica("a", kNew, ReplicaState::kReady),
                Replica("b", kNew, ReplicaState::kStarting)};
  CHECK(Text(Plan(fn, o, kNow)) == Lines{"unroute", "kill b: no longer needed"});
  o.routes.reset();
  o.replicas.pop_back();
  CHECK(Text(Plan(fn, o, kNow)).empty());
  o.replicas[0].released = true;
  CHECK(Text(Plan(fn, o, kNow)) == Lines{"drain a within 1m"});
  o.replicas.clear();
  CHECK(Text(Plan(fn, o, kNow)) == Lines{"forget"});
}

TEST_CASE("A replica that hangs while it starts is killed in the end") {
  Observed o = Serving(kNew);
  o.replicas = {Replica("a", kNew, ReplicaState::kStarting, seconds(91))};
  CHECK(Text(Plan(Fn(1), o, kNow)) == Lines{"kill a: not ready in time"});
}

TEST_CASE("A conflict is a condition") {
  PlannedFunction fn = Fn(0);
  fn.conflict = "an older object of that name came in by another door";
  const PlanResult r = Plan(fn, Serving(kNew), kNow);
  CHECK(ReadyReason(r) == "False Conflict");
  CHECK(r.status.Find("Conflict")->status == ConditionStatus::kTrue);
}

TEST_CASE("Transition times stay while the status does") {
  const WallTime t1{seconds(1)};
  const WallTime t2{seconds(2)};
  std::vector<Condition> first =
      MergeConditions({}, {{"Ready", ConditionStatus::kTrue, "A", "", {}}}, t1);
  CHECK(first[0].last_transition == t1);
  first = MergeConditions(first, {{"Ready", ConditionStatus::kTrue, "B", "", {}}}, t2);
  CHECK(first[0].last_transition == t1);
  first = MergeConditions(first, {{"Ready", ConditionStatus::kFalse, "C", "", {}}}, t2);
  CHECK(first[0].last_transition == t2);
}
