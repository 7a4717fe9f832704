#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "controller/reconcile/plan.h"

using namespace hearth;
using namespace hearth::controller;
using hearth::model::ReplicaState;
using std::chrono::seconds;

namespace {

const RevisionId kA("r-a");
const RevisionId kB("r-b");  // the one that is wanted
const RevisionId kC("r-c");

// A function, its replicas and gateways, advanced a second at a time. Actions may be lost; what
// must never happen is checked as they are carried out.
class World {
 public:
  bool b_is_broken = false;
  PlannedFunction fn;
  Observed seen;
  MonotonicTime now{std::chrono::hours(1)};

  PlanResult Ask() const { return Plan(fn, seen, now); }

  // `lost(i)` says whether the action's effect is lost.
  template <typename Lost>
  void Apply(const PlanResult& plan, Lost lost) {
    for (size_t i = 0; i < plan.actions.size(); ++i) {
      if (!lost(i)) std::visit([this](const auto& a) { this->Do(a); }, plan.actions[i]);
    }
  }

  // The world moves on: what starts becomes ready or fails, gateways acknowledge, the drained
  // leave.
  void Tick() {
    now += seconds(1);
    for (auto& r : seen.replicas) {
      auto& replica = r.replica;
      const bool routed = seen.routes && seen.routes->Contains(replica.id);
      r.released = !routed;
      if (r.killed || replica.state == ReplicaState::kDraining) {
        Become(replica, ReplicaState::kGone);
      } else if (replica.state == ReplicaState::kStarting) {
        if (b_is_broken && replica.revision == kB) {
          Become(replica, ReplicaState::kFailed);
          RecordFailure(seen.failures[kB], replica, {}, now);
        } else {
          Become(replica, ReplicaState::kReady);
          RecordReady(seen.failures[replica.revision], now);
        }
      }
    }
    std::erase_if(seen.replicas,
                  [](const auto& r) { return r.replica.state == ReplicaState::kGone; });
  }

  void Add(const RevisionId& revision, ReplicaState state) {
    ObservedReplica r;
    r.replica.id = ReplicaId(revision.value() + "-" + std::to_string(next_++));
    r.replica.revision = revision;
    r.replica.state = state;
    r.replica.created = now;
    r.replica.changed = now;
    seen.replicas.push_back(std::move(r));
  }

  std::vector<ReplicaId> Ready(const RevisionId& revision) const {
    std::vector<ReplicaId> ids;
    for (const auto& r : seen.replicas) {
      if (r.replica.revision == revision && r.replica.state == ReplicaState::kReady) {
        ids.push_back(r.replica.id);
      }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

 private:
  void Become(model::Replica& r, ReplicaState state) {
    r.state = state;
    r.changed = now;
  }
  ObservedReplica* Find(const ReplicaId& id) {
    for (auto& r : seen.replicas) {
      if (r.replica.id == id) return &r;
    }
    return nullptr;
  }

  void Do(const CreateReplicas& a) {
    for (uint32_t i = 0; i < a.count; ++i) Add(a.revision, ReplicaState::kStarting);
  }
  void Do(const PublishRoutes& a) {
    for (const auto& share : a.routes.shares) {
      RC_ASSERT(!share.replicas.empty());
      for (const auto& id : share.replicas) {
        const ObservedReplica* r = Find(id);
        RC_ASSERT(r != nullptr);
        RC_ASSERT(r->replica.state == ReplicaState::kReady);
      }
    }
    seen.routes = a.routes;
  }
  void Do(const WithdrawRoutes&) { seen.routes.reset(); }
  void Do(const DrainReplica& a) {
    ObservedReplica* r = Find(a.id);
    RC_ASSERT(r != nullptr);
    RC_ASSERT(r->released);
    RC_ASSERT(!(seen.routes && seen.routes->Contains(a.id)));
    Become(r->replica, ReplicaState::kDraining);
  }
  void Do(const KillReplica& a) {
    ObservedReplica* r = Find(a.id);
    RC_ASSERT(r != nullptr);
    RC_ASSERT(r->replica.state != ReplicaState::kReady);
    r->killed = true;
    r->replica.changed = now;
  }
  void Do(const MarkProven& a) {
    RC_ASSERT(!Ready(a.revision).empty());
    seen.proven.insert(a.revision);
  }
  void Do(const SetServing& a) { seen.serving = a.revision; }
  void Do(const ForgetFunction&) { forgotten = true; }

  int next_ = 0;

 public:
  bool forgotten = false;
};

World ArbitraryWorld() {
  World w;
  w.fn.key = {"default", "f"};
  w.fn.revision = kB;
  w.fn.timeout = seconds(10);
  w.fn.desired = *rc::gen::inRange<uint32_t>(0, 6);
  const auto states = {ReplicaState::kStarting, ReplicaState::kReady, ReplicaState::kDraining,
                       ReplicaState::kFailed};
  const int count = *rc::gen::inRange(0, 8);
  for (int i = 0; i < count; ++i) {
    w.Add(*rc::gen::element(kA, kB, kC), *rc::gen::elementOf(std::vector<ReplicaState>(states)));
  }
  if (*rc::gen::arbitrary<bool>()) {
    w.seen.serving = kA;
    w.seen.proven.insert(kA);
  }
  if (*rc::gen::arbitrary<bool>()) w.seen.proven.insert(kB);
  if (*rc::gen::arbitrary<bool>()) w.seen.routes = RouteSet{};
  if (*rc::gen::arbitrary<bool>()) {
    Failures& f = w.seen.failures[kB];
    f.count = *rc::gen::inRange<uint32_t>(1, 4);
    f.last = w.now;
  }
  return w;
}

const auto kNone = [](size_t) { return false; };

}  // namespace

TEST_CASE("Properties of Plan") {
  rc::prop("the same input gives the same plan", [] {
    const World w = ArbitraryWorld();
    RC_ASSERT(w.Ask().actions == w.Ask().actions);
    RC_ASSERT(w.Ask().status == w.Ask().status);
  });
  rc::prop("carried out, it asks for nothing twice", [] {
    World w = ArbitraryWorld();
    w.Apply(w.Ask(), kNone);
    // What the first plan could not do yet may follow from what it has done, but ends at once.
    w.Apply(w.Ask(), kNone);
    RC_ASSERT(w.Ask().actions.empty());
  });
  rc::prop("converges from any state, whatever is lost on the way", [] {
    World w = ArbitraryWorld();
    for (int i = 0; i < 12; ++i) {
      const std::vector<bool> losses =
          *rc::gen::container<std::vector<bool>>(16, rc::gen::arbitrary<bool>());
      w.Apply(w.Ask(), [&](size_t a) { return a < losses.size() && losses[a]; });
      w.Tick();
    }
    for (int i = 0; i < 120; ++i) {
      w.Apply(w.Ask(), kNone);
      w.Tick();
    }
    RC_ASSERT(w.Ask().actions.empty());
    RC_ASSERT(w.seen.serving == kB);
    RC_ASSERT(w.seen.replicas.size() == w.fn.desired);
    RC_ASSERT(w.Ready(kB).size() == w.fn.desired);
    // A failure is shown until an attempt succeeds; at zero nothing asks for one.
    const auto f = w.seen.failures.find(kB);
    const bool failing = f != w.seen.failures.end() && f->second.failing();
    RC_ASSERT((w.Ask().status.Find("Ready")->status == ConditionStatus::kTrue) ==
              (w.fn.desired > 0 || !failing));
    std::vector<ReplicaId> routed;
    for (const auto& share : w.seen.routes->shares) routed = share.replicas;
    RC_ASSERT(routed == w.Ready(kB));
  });
  rc::prop("a broken revision never takes the traffic of the one before it", [] {
    World w;
    w.b_is_broken = true;
    w.fn.key = {"default", "f"};
    w.fn.revision = kB;
    w.fn.timeout = seconds(10);
    w.fn.desired = *rc::gen::inRange<uint32_t>(1, 5);
    w.seen.serving = kA;
    w.seen.proven = {kA};
    for (uint32_t i = 0; i < w.fn.desired; ++i) w.Add(kA, ReplicaState::kReady);
    w.Apply(w.Ask(), kNone);
    for (int i = 0; i < 400; ++i) {
      w.Tick();
      w.Apply(w.Ask(), kNone);
      RC_ASSERT(w.seen.serving == kA);
      RC_ASSERT(w.seen.routes->shares.size() == 1u);
      RC_ASSERT(w.seen.routes->shares[0].replicas.size() == w.fn.desired);
    }
    RC_ASSERT(w.Ask().status.Find("Ready")->reason == "CrashLoop");
    RC_ASSERT(w.seen.failures[kB].count <= 7u);
  });
  rc::prop("a deleted function leaves nothing", [] {
    World w = ArbitraryWorld();
    w.fn.deleted = true;
    for (int i = 0; i < 10; ++i) {
      w.Apply(w.Ask(), kNone);
      w.Tick();
    }
    RC_ASSERT(w.seen.replicas.empty());
    RC_ASSERT(!w.seen.routes.has_value());
    RC_ASSERT(w.forgotten);
  });
}
