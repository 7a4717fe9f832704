// App's pass over one function: decide, observe, plan, execute.
#include <algorithm>
#include <utility>
#include <variant>

#include "controller/app/app.h"
#include "controller/app/route_policy.h"
#include "controller/scale/decide.h"
#include "core/base/random.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

// A start that takes longer is waiting, not working: it does not count against the host's ability.
constexpr Duration kStartIsWork = std::chrono::seconds(5);
// So many reports that a replica cannot be reached, close together, and it is replaced.
constexpr uint32_t kUnreachableReports = 3;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void App::Reconcile(const FunctionKey& key) {
  Outside outside;
  const MonotonicTime begun = deps_.clock->Now();
  {
    const std::lock_guard lock(mutex_);
    const auto it = functions_.find(key);
    if (it == functions_.end()) return;
    FunctionEntry& f = it->second;
    if (!f.deleted) DecideDesired(f, begun);
    const PlannedFunction planned = PlannedOf(f);
    const Observed observed = Observe(f, begun);
    PlanResult plan = Plan(planned, observed, begun, options_.plan);
    for (const auto& action : plan.actions) log_.Debug("action", {{"do", ToText(action)}});
    plan.status.conditions = MergeConditions(f.status.conditions, std::move(plan.status.conditions),
                                             deps_.clock->WallNow());
    const Condition* before = f.status.Find("Ready");
    const Condition* after = plan.status.Find("Ready");
    if (before == nullptr || before->reason != after->reason) {
      log_.Info("function", {{"name", key.Text()},
                             {"ready", ToString(after->status)},
                             {"reason", after->reason},
                             {"message", after->message}});
      if (!f.deleted) dirty_.insert(key);
    }
    f.status = std::move(plan.status);
    if (plan.requeue_after) PokeAt(key, begun + *plan.requeue_after);
    const bool forget = std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& a) {
      return std::holds_alternative<ForgetFunction>(a);
    });
    Execute(f, plan.actions, begun, &outside);
    if (outside.create.size() >= observed.start_budget) starved_.insert(key);
    AwaitRelease(f, begun);
    if (forget) {
      outside.gone = key;
      tracker_.Forget(key);
      queue_.Remove(key);
      functions_.erase(key);
    }
  }
  CallBackend(std::move(outside));
  deps_.metrics->ObserveReconcile(deps_.clock->Now() - begun);
}

void App::DecideDesired(FunctionEntry& f, MonotonicTime now) {
  const FunctionKey& key = f.function.key;
  ScalePolicy policy = PolicyOf(f.function.spec, {f.boot_time, deps_.backend->start_parallelism()});
  policy.replicas_since = f.replicas_since;
  tracker_.SetServing(key, f.AnyReady(), now);
  const Decision decision = Decide(policy, tracker_.Windows(key, now), now);
  tracker_.Record(key, decision.desired, decision.need, now);
  if (decision.desired != f.desired) {
    log_.Info("scaling", {{"function", key.Text()},
                          {"from", f.desired},
                          {"to", decision.desired},
                          {"reason", decision.reason}});
  }
  f.desired = decision.desired;
  f.desired_reason = decision.reason;
  if (decision.recheck_after) PokeAt(key, now + *decision.recheck_after);
}

PlannedFunction App::PlannedOf(const FunctionEntry& f) const {
  PlannedFunction p;
  p.key = f.function.key;
  p.generation = f.function.generation;
  p.revision = f.revision;
  p.timeout = f.function.spec.timeout;
  p.startup_timeout = f.function.spec.health.startup_timeout;
  p.desired = f.desired;
  p.desired_reason = f.desired_reason;
  p.deleted = f.deleted;
  return p;
}

Observed App::Observe(const FunctionEntry& f, MonotonicTime now) const {
  Observed o;
  for (const auto& [id, r] : f.replicas) {
    ObservedReplica seen;
    seen.replica = r.replica;
    seen.released = Released(r, now);
    seen.killed = r.killed;
    seen.suspect = r.unreachable >= kUnreachableReports;
    seen.in_flight = tracker_.InFlight(f.function.key, id);
    o.replicas.push_back(std::move(seen));
  }
  o.routes = f.routes;
  o.proven.insert(f.proven.begin(), f.proven.end());
  o.serving = f.serving;
  o.failures = f.failures;
  o.start_budget = StartBudget(now);
  return o;
}

bool App::Released(const ReplicaEntry& r, MonotonicTime now) const {
  if (r.routed) return false;
  if (!r.unrouted_version) return true;
  const RouteHub::Acknowledged acked = deps_.hub->acknowledged();
  if (acked.gateways == 0) return now - started_ >= options_.gateway_grace;
  return acked.version >= *r.unrouted_version;
}

// Replicas that are out of the routes but may still be known to a gateway: the next acknowledgement
// makes their function due.
void App::AwaitRelease(const FunctionEntry& f, MonotonicTime now) {
  const bool waits = std::any_of(f.replicas.begin(), f.replicas.end(), [&](const auto& r) {
    return r.second.replica.state == ReplicaState::kReady && !r.second.routed &&
           !Released(r.second, now);
  });
  if (!waits) return;
  awaiting_release_.insert(f.function.key);
  const MonotonicTime grace_ends = started_ + options_.gateway_grace;
  if (now < grace_ends) PokeAt(f.function.key, grace_ends);
}

uint32_t App::StartBudget(MonotonicTime now) const {
  const auto starting =
      static_cast<uint32_t>(std::count_if(starting_.begin(), starting_.end(), [&](const auto& s) {
        return now - s.second < kStartIsWork;
      }));
  const uint32_t most = std::max<uint32_t>(1, deps_.backend->start_parallelism());
  return most > starting ? most - starting : 0;
}

// The status alone, without doing anything: so that a change is seen at once by the next read.
void App::RefreshStatus(FunctionEntry& f) {
  const MonotonicTime now = deps_.clock->Now();
  PlanResult plan = Plan(PlannedOf(f), Observe(f, now), now, options_.plan);
  plan.status.conditions = MergeConditions(f.status.conditions, std::move(plan.status.conditions),
                                           deps_.clock->WallNow());
  f.status = std::move(plan.status);
}

void App::Execute(FunctionEntry& f, const std::vector<Action>& actions, MonotonicTime now,
                  Outside* outside) {
  const FunctionKey& key = f.function.key;
  const auto leave = [&](const ReplicaId& id) -> ReplicaEntry* {
    const auto it = f.replicas.find(id);
    if (it == f.replicas.end()) return nullptr;
    it->second.replica.changed = now;
    return &it->second;
  };
  for (const Action& action : actions) {
    std::visit(Overloaded{
                   [&](const CreateReplicas& a) { ExecuteCreate(f, a, now, outside); },
                   [&](const PublishRoutes& a) { Publish(f, a.routes); },
                   [&](const WithdrawRoutes&) {
                     const uint64_t version = deps_.hub->Withdraw(key);
                     f.routes.reset();
                     MarkUnrouted(f, version);
                     Poke(key);
                   },
                   [&](const DrainReplica& a) {
                     if (ReplicaEntry* r = leave(a.id)) r->replica.state = ReplicaState::kDraining;
                     outside->drain.emplace_back(a.id, a.grace);
                   },
                   [&](const KillReplica& a) {
                     if (ReplicaEntry* r = leave(a.id)) r->killed = true;
                     starting_.erase(a.id);
                     outside->kill.push_back(a.id);
                   },
                   [&](const MarkProven& a) {
                     f.AddProven(a.revision);
                     dirty_.insert(key);
                     // The replica that proved it stays until the idle rule takes it.
                     tracker_.Touch(key, now);
                     if (f.desired == 0) tracker_.SetCurrent(key, 1);
                     Poke(key);
                   },
                   [&](const SetServing& a) {
                     f.serving = a.revision;
                     if (f.serving == f.revision) f.serving_spec.reset();
                     dirty_.insert(key);
                   },
                   [&](const ForgetFunction&) {},
               },
               action);
  }
}

void App::ExecuteCreate(FunctionEntry& f, const CreateReplicas& action, MonotonicTime now,
                        Outside* outside) {
  const bool current = action.revision == f.revision;
  if (!current && !f.serving_spec) return;
  const model::FunctionSpec& spec = current ? f.function.spec : *f.serving_spec;
  for (uint32_t i = 0; i < action.count; ++i) {
    ReplicaEntry r;
    r.replica.id = ReplicaId(Cat(action.revision.value(), "-", RandomBase36(6)));
    r.replica.function = f.function.key;
    r.replica.revision = action.revision;
    r.replica.state = ReplicaState::kStarting;
    r.replica.capacity = spec.concurrency;
    r.replica.created = now;
    r.replica.changed = now;
    outside->create.push_back({r.replica.id, f.function.key, action.revision, spec});
    starting_[r.replica.id] = now;
    f.replicas.emplace(r.replica.id, std::move(r));
    deps_.metrics->CountReplicaStart();
  }
  if (f.wanted_since) {
    deps_.metrics->ObserveColdStart(ColdStage::kDecide, deps_.clock->Now() - *f.wanted_since);
    f.wanted_since.reset();
  }
}

void App::Publish(FunctionEntry& f, const RouteSet& routes) {
  FunctionRoutes out;
  out.function = f.function.key;
  out.policy = RoutePolicyOf(f.function.spec);
  out.unavailable_reason = routes.unavailable_reason;
  out.is_default_namespace = f.function.key.ns == options_.default_namespace;
  for (const auto& share : routes.shares) {
    RevisionTargets targets{share.revision, share.weight, {}};
    for (const auto& id : share.replicas) {
      const auto it = f.replicas.find(id);
      if (it == f.replicas.end()) continue;
      const model::Replica& r = it->second.replica;
      targets.replicas.push_back({id, r.address, r.token, r.capacity});
    }
    out.revisions.push_back(std::move(targets));
  }
  const uint64_t version = deps_.hub->Publish(std::move(out));
  f.routes = routes;
  MarkUnrouted(f, version);
  // What has left the routes may have been released already, where no gateway had to be asked.
  Poke(f.function.key);
}

void App::MarkUnrouted(FunctionEntry& f, uint64_t version) {
  for (auto& [id, r] : f.replicas) {
    const bool routed = f.routes && f.routes->Contains(id);
    if (r.routed && !routed) r.unrouted_version = version;
    r.routed = routed;
  }
}

void App::CallBackend(Outside outside) {
  for (auto& request : outside.create) {
    log_.Info("starting replica",
              {{"function", request.function.Text()}, {"replica", request.id.value()}});
    deps_.backend->Create(std::move(request));
  }
  for (const auto& [id, grace] : outside.drain) {
    log_.Info("draining replica", {{"replica", id.value()}});
    deps_.backend->Drain(id, grace);
  }
  for (const auto& id : outside.kill) deps_.backend->Kill(id);
  if (outside.gone && options_.on_function_gone) options_.on_function_gone(*outside.gone);
}

}  // namespace hearth::controller
