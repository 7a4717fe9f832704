#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "controller/backend/backend.h"
#include "controller/backend/local/control_watch.h"
#include "controller/backend/local/launcher.h"
#include "controller/process/worker_pool.h"
#include "core/net/loop.h"

namespace hearth::controller {

class LogStore;

// The life of every replica from Create to gone, as a state machine on one loop's thread: launching
// and cleaning up happen on workers, which post back. Every method belongs to the loop's thread.
class Supervisor {
 public:
  Supervisor(net::Loop& loop, Launcher& launcher, WorkerPool& workers, LogStore& logs,
             std::string run_dir, log::Logger log, Backend::EventSink sink);
  ~Supervisor();

  void Create(ReplicaRequest request, MonotonicTime decided);
  void Adopt(const ReplicaMeta& meta, const WatchdogStatus& status);
  void Drain(const ReplicaId& id, Duration grace);
  void Kill(const ReplicaId& id);
  // Drains all of them; `done` once none is left. Nothing is created afterwards.
  void StopAll(Duration grace, std::function<void()> done);

 private:
  struct Replica;
  using ReplicaPtr = std::shared_ptr<Replica>;

  void Launch(const ReplicaPtr& replica);
  void OnLaunched(const ReplicaPtr& replica, absl::StatusOr<LaunchedReplica> launched);
  void Watch(const ReplicaPtr& replica);
  void OnStatus(const ReplicaPtr& replica, const WatchdogStatus& status);
  void OnWatchEnd(const ReplicaPtr& replica, const absl::Status& status);
  void OnDraining(const ReplicaPtr& replica);
  void OnReady(const ReplicaPtr& replica, const WatchdogStatus& status);
  // Reports the failure (unless someone wants it gone) and ends what is left of the processes.
  void Fail(const ReplicaPtr& replica, std::string reason, std::vector<std::string> last_output);
  void End(const ReplicaPtr& replica);
  void OnEnded(const ReplicaPtr& replica, const ExitReport& report);
  void Emit(const ReplicaPtr& replica, std::vector<std::string> last_output = {});
  void Forget(const ReplicaPtr& replica);
  void PostDrain(const ReplicaPtr& replica);
  ReplicaPtr Find(const ReplicaId& id);

  net::Loop& loop_;
  Launcher& launcher_;
  WorkerPool& workers_;
  LogStore& logs_;
  const std::string run_dir_;
  log::Logger log_;
  Backend::EventSink sink_;
  std::unordered_map<ReplicaId, ReplicaPtr> replicas_;
  std::function<void()> stopped_;  // set: stopping
};

}  // namespace hearth::controller
