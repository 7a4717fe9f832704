// What backend and gateways tell the application. Each call changes what is observed and makes the
// function due; what follows from it is decided in Reconcile.
#include <algorithm>
#include <utility>

#include "controller/app/app.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

constexpr Duration kUnreachableWindow = std::chrono::seconds(10);

}  // namespace

// Replicas of a function that is not in the store are left over from one that was deleted: they get
// an entry that Plan empties.
FunctionEntry* App::EntryFor(const ReplicaEvent& event) {
  const auto it = functions_.find(event.replica.function);
  if (it != functions_.end()) return &it->second;
  if (event.replica.state == ReplicaState::kGone) return nullptr;
  FunctionEntry f;
  f.function.key = event.replica.function;
  f.deleted = true;
  return &functions_.emplace(f.function.key, std::move(f)).first->second;
}

void App::OnReplica(ReplicaEvent event) {
  const std::lock_guard lock(mutex_);
  FunctionEntry* f = EntryFor(event);
  if (f == nullptr) return;
  const MonotonicTime now = deps_.clock->Now();
  const FunctionKey key = f->function.key;
  const ReplicaId id = event.replica.id;
  if (event.replica.state != ReplicaState::kStarting) starting_.erase(id);
  if (event.replica.state == ReplicaState::kGone) {
    if (f->replicas.erase(id) == 0) return;
    Poke(key);
    PokeStarved();
    return;
  }
  auto [it, adopted] = f->replicas.try_emplace(id);
  ReplicaEntry& r = it->second;
  if (adopted) {
    r.replica = event.replica;
    r.replica.created = now;
    r.replica.changed = now;
    if (event.replica.state == ReplicaState::kReady) {
      // A gateway may know it from an earlier controller.
      r.unrouted_version = RouteHub::kFirstVersion;
    }
    log_.Info("replica adopted", {{"function", key.Text()}, {"replica", id.value()}});
  }
  const bool leaving = r.killed || r.replica.state == ReplicaState::kDraining;
  if (event.replica.state == ReplicaState::kFailed) {
    OnReplicaFailed(*f, r, event, now);
  } else if (event.replica.state == ReplicaState::kReady && !leaving) {
    OnReplicaReady(*f, event, now);
  } else if (event.replica.state == ReplicaState::kDraining && !leaving) {
    // Told to leave by someone else: it takes no new requests.
    r.replica.state = ReplicaState::kDraining;
    r.replica.changed = now;
  }
  Poke(key);
}

void App::OnReplicaReady(FunctionEntry& f, const ReplicaEvent& event, MonotonicTime now) {
  ReplicaEntry& r = f.replicas.at(event.replica.id);
  const bool first = r.replica.state != ReplicaState::kReady;
  const bool moved =
      r.replica.address != event.replica.address || r.replica.token != event.replica.token;
  r.replica.state = ReplicaState::kReady;
  r.replica.address = event.replica.address;
  r.replica.token = event.replica.token;
  if (event.replica.capacity != 0) r.replica.capacity = event.replica.capacity;
  if (moved && f.routes && f.routes->Contains(r.replica.id)) f.routes.reset();
  if (!first) return;
  const bool started_here = event.create_time + event.boot_time + event.init_time > Duration{};
  if (started_here) {
    const Duration took = now - r.replica.created;
    f.boot_time = (f.boot_time * 3 + took) / 4;
    deps_.metrics->ObserveColdStart(ColdStage::kCreate, event.create_time);
    deps_.metrics->ObserveColdStart(ColdStage::kBoot, event.boot_time);
    deps_.metrics->ObserveColdStart(ColdStage::kInit, event.init_time);
  }
  r.replica.changed = now;
  r.unreachable = 0;
  f.wanted_since.reset();
  RecordReady(f.failures[r.replica.revision], now);
  if (f.failures[r.replica.revision].count == 0) f.failures.erase(r.replica.revision);
  PokeStarved();
}

void App::OnReplicaFailed(FunctionEntry& f, ReplicaEntry& r, ReplicaEvent& event,
                          MonotonicTime now) {
  if (r.replica.state == ReplicaState::kFailed) return;
  const bool expected = r.killed || r.replica.state == ReplicaState::kDraining;
  r.replica.state = ReplicaState::kFailed;
  r.replica.changed = now;
  r.replica.reason = event.replica.reason;
  PokeStarved();
  if (expected) return;
  deps_.metrics->CountReplicaFailure();
  log_.Warn("replica failed", {{"function", f.function.key.Text()},
                               {"replica", r.replica.id.value()},
                               {"reason", r.replica.reason}});
  RecordFailure(f.failures[r.replica.revision], r.replica, std::move(event.last_output), now);
  // Records of revisions that nobody asks for any more.
  std::erase_if(f.failures, [&](const auto& entry) {
    return entry.first != f.revision && entry.first != f.serving;
  });
}

void App::PokeStarved() {
  for (const auto& key : std::exchange(starved_, {})) Poke(key);
}

void App::OnGatewayConnected(const GatewayId& gateway, const std::string&) {
  const std::lock_guard lock(mutex_);
  tracker_.GatewayConnected(gateway, deps_.clock->Now());
}

void App::OnGatewayLost(const GatewayId& gateway) {
  const std::lock_guard lock(mutex_);
  tracker_.GatewayLost(gateway, deps_.clock->Now());
  for (const auto& [key, f] : functions_) Poke(key);
}

void App::OnAcknowledged(const GatewayId&) {
  const std::lock_guard lock(mutex_);
  for (const auto& key : std::exchange(awaiting_release_, {})) Poke(key);
}

void App::OnDemand(const GatewayId& gateway, bool full, std::vector<FunctionLoad> loads) {
  const std::lock_guard lock(mutex_);
  // Load of functions that do not exist is nobody's.
  std::erase_if(loads, [&](const FunctionLoad& l) { return FindLive(l.function) == nullptr; });
  const MonotonicTime now = deps_.clock->Now();
  const bool whole_fleet_known = full;
  for (const auto& key : tracker_.Report(gateway, full, loads, now)) {
    FunctionEntry* f = FindLive(key);
    if (f == nullptr) continue;
    counted_.insert(key);
    Poke(key);
  }
  for (const auto& load : loads) {
    FunctionEntry* f = FindLive(load.function);
    if (load.queued > 0 && !f->AnyLive() && !f->wanted_since) f->wanted_since = now;
  }
  // Complete data may let any function go down.
  if (whole_fleet_known) {
    for (const auto& [key, f] : functions_) Poke(key);
  }
}

void App::OnReplicaFailure(const FunctionKey& function, const ReplicaId& replica,
                           const std::string& reason) {
  const std::lock_guard lock(mutex_);
  FunctionEntry* f = FindLive(function);
  if (f == nullptr) return;
  const auto it = f->replicas.find(replica);
  if (it == f->replicas.end()) return;
  ReplicaEntry& r = it->second;
  const MonotonicTime now = deps_.clock->Now();
  if (now - r.unreachable_at > kUnreachableWindow) r.unreachable = 0;
  ++r.unreachable;
  r.unreachable_at = now;
  log_.Warn("a gateway could not use a replica",
            {{"function", function.Text()}, {"replica", replica.value()}, {"reason", reason}});
  Poke(function);
}

}  // namespace hearth::controller
