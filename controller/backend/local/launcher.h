#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "controller/backend/backend.h"
#include "controller/backend/local/cgroups.h"
#include "controller/backend/local/index_pool.h"
#include "controller/backend/local/local_backend.h"
#include "controller/backend/local/network.h"
#include "controller/backend/local/replica_meta.h"
#include "controller/backend/local/replica_plan.h"
#include "controller/backend/local/sandbox.h"
#include "controller/backend/local/slots.h"
#include "controller/backend/local/user_sandbox.h"

namespace hearth::controller {

// Where the files of one replica are.
struct ReplicaPaths {
  std::string folder;
  std::string data_socket() const { return folder + "/data.sock"; }
  std::string control_socket() const { return folder + "/control.sock"; }
};
ReplicaPaths PathsOf(const std::string& run_dir, const ReplicaId& id);

struct LaunchedReplica {
  ReplicaMeta meta;
  UniqueFd pidfd;     // of the outer process, our child
  UniqueFd boot_log;  // what sandbox and watchdog say before (or instead of) the log
  MonotonicTime started{};
};

// How the process of a replica ended.
struct ExitReport {
  std::string reason;  // "exit status 1", "signal 9"
  bool out_of_memory = false;
  std::string boot_output;  // what sandbox and watchdog said outside the log, if they failed
};

// Makes replicas' processes and takes them away, with all that belongs to them: sockets, logs,
// code, secrets, sandbox, groups, network, user. Thread-safe; its calls block, so workers make
// them.
class Launcher {
 public:
  Launcher(const LocalBackendOptions& options, const LocalBackendDeps& deps);
  ~Launcher();

  // Finds out what this machine can do. FailedPrecondition with a remedy: no sandbox.
  absl::Status SetUp(std::vector<std::string>* notices);

  // Between SetUp and Begin: what an earlier controller started and still lives, and the removal of
  // all else that it left (folders, processes, groups).
  void Adopt(const ReplicaMeta& meta);
  void CleanUpUnknown(const std::vector<ReplicaMeta>& live);
  void Begin();

  absl::StatusOr<LaunchedReplica> Launch(const ReplicaRequest& request);

  // Ends every process of it.
  void KillAll(const ReplicaMeta& meta);
  // Waits until it has ended (killing what is left), then removes what belonged to it.
  ExitReport CleanUp(const ReplicaMeta& meta, const UniqueFd& pidfd, const UniqueFd& boot_log);
  void TearDown();  // everything that is the platform's own; no replica is left

 private:
  struct Code {
    std::string folder;
    const Runtime* runtime = nullptr;
    std::optional<UnpackedImage> image;
  };
  struct Preparation;  // one launch under way
  absl::Status Probe();
  absl::Status ProbeUserSandbox(std::vector<std::string>* notices);
  absl::StatusOr<Code> Fetch(const ReplicaRequest& request);
  absl::Status PlanLaunch(Preparation& launch);
  absl::Status MakeFiles(Preparation& launch);
  absl::Status WriteSecrets(const Preparation& launch);
  absl::Status TakePlace(Preparation& launch);
  absl::Status PrepareSandbox(Preparation& launch);
  SandboxPlan PlanSandbox(const Preparation& launch) const;
  void PrepareWithoutSandbox(Preparation& launch);
  absl::StatusOr<LaunchedReplica> StartProcess(Preparation& launch);
  void SetUpFromOutside(Preparation& launch);
  // Without the outer process of the sandbox, which reaps the others when they have ended.
  std::vector<pid_t> ProcessesOf(const ReplicaMeta& meta) const;

  const LocalBackendOptions options_;
  const LocalBackendDeps deps_;
  const bool root_;
  std::string fast_folder_;     // run/r is a link to it; empty: it is a folder
  const std::string instance_;  // short, of the data folder
  std::string base_root_;
  std::string bwrap_;
  const std::string gateway_folder_;  // of the gateway's socket; empty: none
  bool sandbox_ = false;
  UserSandbox user_sandbox_;
  Cgroups cgroups_;
  std::unique_ptr<HostNetwork> network_;
  std::unique_ptr<SlotPool> slots_;
  IndexPool users_;
};

}  // namespace hearth::controller
