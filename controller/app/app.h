#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "controller/api/platform.h"
#include "controller/app/function_entry.h"
#include "controller/app/metrics.h"
#include "controller/app/work_queue.h"
#include "controller/backend/backend.h"
#include "controller/reconcile/plan.h"
#include "controller/rpc/fleet_listener.h"
#include "controller/rpc/route_hub.h"
#include "controller/scale/load_tracker.h"
#include "controller/store/secret_store.h"
#include "controller/store/store.h"
#include "core/base/clock.h"
#include "core/log/log.h"

namespace hearth::controller {

struct AppOptions {
  std::string default_namespace = "default";
  PlanConfig plan;
  // After a start a gateway may still route by what an earlier controller told it.
  Duration gateway_grace = std::chrono::seconds(10);
  Duration invocations_flush = std::chrono::seconds(10);
  Duration store_retry = std::chrono::seconds(5);
  // A deleted function's last replica is gone: what else is kept of it may go.
  std::function<void(const FunctionKey&)> on_function_gone;
};

// All of them outlive the application.
struct AppDeps {
  const Clock* clock = nullptr;
  Store* store = nullptr;
  SecretStore* secrets = nullptr;
  Backend* backend = nullptr;
  RouteHub* hub = nullptr;
  Metrics* metrics = nullptr;
};

// The controller without its network: it holds the desired state, hears what backend and gateways
// observe, and lets Decide and Plan say what follows, one function at a time. Tests construct it
// with fakes and drive it by ProcessDue; the program gives it a thread.
//
// Locks: `writes_` makes changes of the desired state one after the other, store included; `mutex_`
// guards everything in memory and is never held across the disk or a call to the backend. Where
// both are taken, `writes_` comes first.
class App final : public Platform, public FleetListener {
 public:
  App(AppOptions options, AppDeps deps, log::Logger logger);
  ~App() override;  // StopThread

  // Loads the state, adopts running replicas, and makes every function due.
  absl::Status Start();
  uint64_t epoch() const { return epoch_; }

  // Looks at everything that is due; returns when the next thing will be.
  std::optional<MonotonicTime> ProcessDue();
  void StartThread();
  void StopThread();  // writes what is still to be written

  AppGauges Gauges() const;
  // Of every revision that may still start a replica: what these refer to must be kept.
  std::vector<model::FunctionSpec> LiveSpecs() const;

  // Platform
  absl::StatusOr<Applied> Apply(model::Function function, ApplyMode mode,
                                ApplyEffect effect) override;
  absl::Status Delete(const FunctionKey& key) override;
  absl::StatusOr<FunctionView> Get(const FunctionKey& key) const override;
  std::vector<FunctionView> List(const std::string& ns) const override;
  absl::Status Scale(const FunctionKey& key, std::optional<uint32_t> replicas) override;
  const std::string& default_namespace() const override { return options_.default_namespace; }
  std::vector<Namespace> Namespaces() const override;
  absl::Status CreateNamespace(Namespace ns) override;
  absl::Status UpdateNamespace(Namespace ns) override;
  absl::Status DeleteNamespace(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> Secrets(const std::string& ns) const override;
  absl::Status CreateSecret(const std::string& ns, const std::string& name,
                            std::string_view value) override;
  absl::Status UpdateSecret(const std::string& ns, const std::string& name,
                            std::string_view value) override;
  absl::Status RemoveSecret(const std::string& ns, const std::string& name) override;

  // FleetListener
  void OnGatewayConnected(const GatewayId& gateway, const std::string& function_url) override;
  void OnGatewayLost(const GatewayId& gateway) override;
  void OnAcknowledged(const GatewayId& gateway) override;
  void OnDemand(const GatewayId& gateway, bool full, std::vector<FunctionLoad> loads) override;
  void OnReplicaFailure(const FunctionKey& function, const ReplicaId& replica,
                        const std::string& reason) override;

 private:
  // What a pass over one function has to do outside the lock.
  struct Outside {
    std::vector<ReplicaRequest> create;
    std::vector<std::pair<ReplicaId, Duration>> drain;
    std::vector<ReplicaId> kill;
    std::optional<FunctionKey> gone;
  };

  // app.cc: start, thread.
  absl::Status LoadState();
  void AddRecord(FunctionRecord record);
  void Loop();
  void Poke(const FunctionKey& key);
  void PokeAt(const FunctionKey& key, MonotonicTime when);
  void WakeThread();

  // app_reconcile.cc: one pass.
  void Reconcile(const FunctionKey& key);
  void DecideDesired(FunctionEntry& f, MonotonicTime now);
  PlannedFunction PlannedOf(const FunctionEntry& f) const;
  Observed Observe(const FunctionEntry& f, MonotonicTime now) const;
  bool Released(const ReplicaEntry& r, MonotonicTime now) const;
  uint32_t StartBudget(MonotonicTime now) const;
  void AwaitRelease(const FunctionEntry& f, MonotonicTime now);
  void RefreshStatus(FunctionEntry& f);
  void Execute(FunctionEntry& f, const std::vector<Action>& actions, MonotonicTime now,
               Outside* outside);
  void ExecuteCreate(FunctionEntry& f, const CreateReplicas& action, MonotonicTime now,
                     Outside* outside);
  void Publish(FunctionEntry& f, const RouteSet& routes);
  void MarkUnrouted(FunctionEntry& f, uint64_t version);
  void CallBackend(Outside outside);

  // app_events.cc: what backend and gateways say.
  void OnReplica(ReplicaEvent event);
  FunctionEntry* EntryFor(const ReplicaEvent& event);
  void OnReplicaReady(FunctionEntry& f, const ReplicaEvent& event, MonotonicTime now);
  void OnReplicaFailed(FunctionEntry& f, ReplicaEntry& r, ReplicaEvent& event, MonotonicTime now);
  void PokeStarved();

  // app_persist.cc: what is written outside of a user's change.
  FunctionRecord RecordOf(const FunctionEntry& f) const;
  void FlushDirty();
  void CollectInvocations(MonotonicTime now);

  // app_platform.cc, app_admin.cc
  FunctionEntry* FindLive(const FunctionKey& key);
  const FunctionEntry* FindLive(const FunctionKey& key) const;
  absl::Status CheckDeployable(const model::Function& function) const;
  absl::StatusOr<RevisionId> RevisionFor(const FunctionKey& key,
                                         const model::FunctionSpec& spec) const;
  FunctionView ViewOf(const FunctionEntry& f) const;
  void Install(model::Function function, RevisionId revision);
  bool NamespaceExists(const std::string& name) const;
  absl::Status RequireNamespace(const std::string& name) const;
  void RollUsersOf(const std::string& ns, const std::string& secret);

  const AppOptions options_;
  const AppDeps deps_;
  const log::Logger log_;
  uint64_t epoch_ = 0;
  MonotonicTime started_{};

  std::mutex writes_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<FunctionKey, FunctionEntry> functions_;
  std::map<std::string, Namespace> namespaces_;
  mutable LoadTracker tracker_;
  WorkQueue queue_;
  std::set<FunctionKey> starved_;                // wanted to create and had no budget
  std::set<FunctionKey> awaiting_release_;       // have replicas that gateways have to let go of
  std::map<ReplicaId, MonotonicTime> starting_;  // asked for, not heard of yet
  std::set<FunctionKey> dirty_;                  // to be written
  std::set<FunctionKey> counted_;  // whose invocations have changed since the last flush
  MonotonicTime next_flush_{};
  MonotonicTime store_retry_at_{};
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hearth::controller
