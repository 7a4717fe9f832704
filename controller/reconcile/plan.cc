#include "controller/reconcile/plan.h"

#include <algorithm>
#include <utility>

#include "controller/reconcile/conditions.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;
using ReplicaPtr = const ObservedReplica*;

// One run of Plan: collects actions while it goes over the revisions.
class Planner {
 public:
  Planner(const PlannedFunction& function, const Observed& observed, MonotonicTime now,
          const PlanConfig& config)
      : fn_(function), seen_(observed), now_(now), config_(config), budget_(seen_.start_budget) {}

  PlanResult Run() {
    if (fn_.deleted) {
      RunDeleted();
      return std::move(result_);
    }
    const Rollout rollout = DecideRollout();
    KeepAndCreate(rollout);
    Route(rollout);
    RemoveTheRest();
    Report(rollout);
    return std::move(result_);
  }

 private:
  // Which revisions get how many replicas, and which one takes the traffic.
  struct Rollout {
    RolloutPhase phase = RolloutPhase::kSteady;
    RevisionId serving;
    std::map<RevisionId, uint32_t> want;
    std::set<RevisionId> may_create;
  };

  template <typename T>
  void Do(T action) {
    result_.actions.push_back(std::move(action));
  }
  void RequeueAfter(Duration d) {
    d = std::max<Duration>(d, std::chrono::milliseconds(1));
    if (!result_.requeue_after || d < *result_.requeue_after) result_.requeue_after = d;
  }

  Duration Grace() const {
    return fn_.timeout > Duration::zero() ? fn_.timeout : config_.no_timeout_grace;
  }
  const Failures* FailuresOf(const RevisionId& revision) const {
    const auto it = seen_.failures.find(revision);
    return it != seen_.failures.end() && it->second.failing() ? &it->second : nullptr;
  }
  bool Usable(const ObservedReplica& r, const RevisionId& revision, ReplicaState state) const {
    return r.replica.revision == revision && r.replica.state == state && !r.suspect && !r.killed;
  }
  uint32_t Count(const RevisionId& revision, ReplicaState state) const {
    return static_cast<uint32_t>(
        std::count_if(seen_.replicas.begin(), seen_.replicas.end(),
                      [&](const ObservedReplica& r) { return Usable(r, revision, state); }));
  }
  uint32_t Ready(const RevisionId& revision) const { return Count(revision, ReplicaState::kReady); }

  Rollout DecideRollout() {
    Rollout out;
    const RevisionId& target = fn_.revision;
    const RevisionId& old = seen_.serving;
    const uint32_t ready = Ready(target);
    const bool first_answer = ready > 0 && !seen_.proven.contains(target);
    if (first_answer) Do(MarkProven{target});
    const bool proven = ready > 0 || seen_.proven.contains(target);
    const bool have_old = !old.empty() && old != target;
    const bool trusted = proven && (ready > 0 || FailuresOf(target) == nullptr);

    out.may_create.insert(target);
    if (!have_old) {
      out.serving = proven ? target : RevisionId();
      out.phase = proven ? RolloutPhase::kSteady : RolloutPhase::kProving;
      // The replica that has just proven its revision stays until the idle rule takes it.
      out.want[target] = proven ? std::max(fn_.desired, first_answer ? 1u : 0u) : 1;
    } else if (!trusted) {
      out.serving = old;
      out.phase = RolloutPhase::kProving;
      out.want[target] = 1;
      out.want[old] = fn_.desired;
      out.may_create.insert(old);
    } else if (MaySwitch(target, ready, Ready(old))) {
      out.serving = target;
      out.want[target] = std::max(fn_.desired, first_answer ? 1u : 0u);
    } else {
      out.serving = old;
      out.phase = RolloutPhase::kRollingOut;
      out.want[target] = std::max(fn_.desired, 1u);
      out.want[old] = fn_.desired;
    }
    if (!out.serving.empty() && out.serving != seen_.serving) Do(SetServing{out.serving});
    return out;
  }

  // The whole traffic moves at once, when the new revision can bear what the old one bears now.
  bool MaySwitch(const RevisionId& target, uint32_t ready, uint32_t old_ready) {
    const uint32_t enough = std::min(fn_.desired, old_ready);
    if (ready >= enough) return true;
    if (ready == 0) return false;
    MonotonicTime first = now_;
    for (const auto& r : seen_.replicas) {
      if (Usable(r, target, ReplicaState::kReady)) first = std::min(first, r.replica.changed);
    }
    const Duration waited = now_ - first;
    if (waited >= config_.rollout_patience) return true;
    RequeueAfter(config_.rollout_patience - waited);
    return false;
  }

  // Keeps the best replicas of each wanted revision and creates what is missing.
  void KeepAndCreate(const Rollout& rollout) {
    for (const auto& [revision, want] : rollout.want) {
      std::vector<ReplicaPtr> live;
      for (const auto& r : seen_.replicas) {
        if (Usable(r, revision, ReplicaState::kReady) ||
            Usable(r, revision, ReplicaState::kStarting)) {
          live.push_back(&r);
        }
      }
      std::sort(live.begin(), live.end(),
                [this](ReplicaPtr a, ReplicaPtr b) { return Preferred(*a, *b); });
      for (size_t i = 0; i < live.size() && i < want; ++i) kept_.insert(live[i]->replica.id);
      const auto have = static_cast<uint32_t>(live.size());
      if (have < want && rollout.may_create.contains(revision)) Create(revision, want - have);
    }
  }

  // Those in the routes, with most inside, and oldest come first; what is still starting last.
  bool Preferred(const ObservedReplica& a, const ObservedReplica& b) const {
    const auto rank = [this](const ObservedReplica& r) {
      const bool ready = r.replica.state == ReplicaState::kReady;
      const bool routed = seen_.routes && seen_.routes->Contains(r.replica.id);
      return std::make_tuple(!ready, !routed, UINT32_MAX - r.in_flight, r.replica.created);
    };
    const auto rank_a = rank(a);
    const auto rank_b = rank(b);
    return rank_a != rank_b ? rank_a < rank_b : a.replica.id < b.replica.id;
  }

  void Create(const RevisionId& revision, uint32_t count) {
    if (const Failures* f = FailuresOf(revision)) {
      const MonotonicTime next = f->last + BackoffAfter(f->count, config_);
      if (now_ < next) {
        RequeueAfter(next - now_);
        return;
      }
      // One attempt at a time until one succeeds.
      if (Ready(revision) == 0) {
        if (Count(revision, ReplicaState::kStarting) > 0) return;
        count = 1;
      }
    }
    if (count > budget_) {
      count = budget_;
      RequeueAfter(config_.busy_retry);
    }
    if (count == 0) return;
    budget_ -= count;
    Do(CreateReplicas{revision, count});
  }

  void Route(const Rollout& rollout) {
    RouteSet routes;
    if (!rollout.serving.empty()) {
      RouteSet::Share share{rollout.serving, kWholeWeight, {}};
      for (const auto& r : seen_.replicas) {
        if (Usable(r, rollout.serving, ReplicaState::kReady) && kept_.contains(r.replica.id)) {
          share.replicas.push_back(r.replica.id);
        }
      }
      std::sort(share.replicas.begin(), share.replicas.end());
      available_ = static_cast<uint32_t>(share.replicas.size());
      if (!share.replicas.empty()) routes.shares.push_back(std::move(share));
    }
    // Callers are told only while no attempt is under way or allowed: otherwise they wait for it.
    const RevisionId& hope = rollout.serving.empty() ? fn_.revision : rollout.serving;
    if (const Failures* f = FailuresOf(hope); f != nullptr && available_ == 0) {
      const MonotonicTime next = f->last + BackoffAfter(f->count, config_);
      if (now_ < next) {
        routes.unavailable_reason = FailureText(*f);
        RequeueAfter(next - now_);
      }
    }
    if (!seen_.routes || *seen_.routes != routes) Do(PublishRoutes{routes});
    routes_ = std::move(routes);
  }

  // Everything that is not kept leaves, each by the way that its state asks for.
  void RemoveTheRest() {
    for (const auto& r : seen_.replicas) {
      if (!kept_.contains(r.replica.id)) Remove(r);
    }
    for (const auto& r : seen_.replicas) {
      if (kept_.contains(r.replica.id)) CheckStuckStart(r);
    }
  }

  void Remove(const ObservedReplica& r) {
    const Duration age = now_ - r.replica.changed;
    if (r.killed) {
      KillWhenOlder(r, age, config_.stuck_margin, "still there after a kill");
      return;
    }
    switch (r.replica.state) {
      case ReplicaState::kStarting:
        Do(KillReplica{r.replica.id, "no longer needed"});
        return;
      case ReplicaState::kFailed:
        Do(KillReplica{r.replica.id, "failed"});
        return;
      case ReplicaState::kReady:
        // What the routes of this very run still hold cannot have been released yet.
        if (r.released && !(seen_.routes && seen_.routes->Contains(r.replica.id))) {
          Do(DrainReplica{r.replica.id, Grace()});
        }
        return;
      case ReplicaState::kDraining:
        KillWhenOlder(r, age, Grace() + config_.stuck_margin, "did not leave in time");
        return;
      case ReplicaState::kGone:
        return;
    }
  }

  void CheckStuckStart(const ObservedReplica& r) {
    if (r.replica.state != ReplicaState::kStarting) return;
    KillWhenOlder(r, now_ - r.replica.created, fn_.startup_timeout + config_.stuck_margin,
                  "not ready in time");
  }

  void KillWhenOlder(const ObservedReplica& r, Duration age, Duration limit, const char* why) {
    if (age >= limit) {
      Do(KillReplica{r.replica.id, why});
    } else {
      RequeueAfter(limit - age);
    }
  }

  void RunDeleted() {
    const bool left = std::any_of(
        seen_.replicas.begin(), seen_.replicas.end(),
        [](const ObservedReplica& r) { return r.replica.state != ReplicaState::kGone; });
    if (seen_.routes) Do(WithdrawRoutes{});
    RemoveTheRest();
    if (!left && !seen_.routes) Do(ForgetFunction{});
    result_.status.observed_generation = fn_.generation;
    result_.status.conditions = {
        {"Ready", ConditionStatus::kFalse, "Deleting", "the function is being removed", {}}};
  }

  void Report(const Rollout& rollout) {
    FunctionStatus& s = result_.status;
    s.observed_generation = fn_.generation;
    s.revision = fn_.revision;
    s.ready_revision = rollout.serving;
    s.desired = fn_.desired;
    s.available = available_;
    uint32_t starting = 0;
    for (const auto& r : seen_.replicas) {
      const bool in = kept_.contains(r.replica.id);
      if (in) ++s.replicas;
      if (in && r.replica.state == ReplicaState::kStarting) ++starting;
    }
    const Failures* target_failures = FailuresOf(fn_.revision);
    s.conditions = Conditions({.function = &fn_,
                               .phase = rollout.phase,
                               .serving = rollout.serving,
                               .available = available_,
                               .starting = starting,
                               .failures = target_failures,
                               .backoff = target_failures == nullptr
                                              ? Duration{}
                                              : BackoffAfter(target_failures->count, config_)});
    if (target_failures != nullptr) s.recent_logs = target_failures->last_output;
  }

  const PlannedFunction& fn_;
  const Observed& seen_;
  const MonotonicTime now_;
  const PlanConfig& config_;
  uint32_t budget_;
  std::set<ReplicaId> kept_;
  RouteSet routes_;
  uint32_t available_ = 0;
  PlanResult result_;
};

}  // namespace

Duration BackoffAfter(uint32_t count, const PlanConfig& config) {
  if (count <= 1) return {};
  Duration d = config.first_backoff;
  for (uint32_t i = 2; i < count && d < config.max_backoff; ++i) d *= 2;
  return std::min(d, config.max_backoff);
}

void RecordFailure(Failures& f, const model::Replica& replica, std::vector<std::string> last_output,
                   MonotonicTime now) {
  f.reason = replica.reason.empty() ? "ended" : replica.reason;
  f.last_output = std::move(last_output);
  if (f.count > 0 && replica.created < f.last) return;
  // A long good time in between makes it a new story.
  const bool forgiven = f.recovered && now - f.recovered_at >= std::chrono::minutes(5);
  f.count = forgiven ? 1 : f.count + 1;
  f.last = now;
  f.recovered = false;
}

void RecordReady(Failures& f, MonotonicTime now) {
  if (f.count == 0 || f.recovered) return;
  f.recovered = true;
  f.recovered_at = now;
}

PlanResult Plan(const PlannedFunction& function, const Observed& observed, MonotonicTime now,
                const PlanConfig& config) {
  return Planner(function, observed, now, config).Run();
}

}  // namespace hearth::controller
