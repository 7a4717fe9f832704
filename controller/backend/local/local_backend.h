#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controller/backend/backend.h"
#include "core/log/log.h"

namespace hearth::controller {

class BundleStore;
class ImageStore;
class LogStore;
class RuntimeCatalog;
class SecretStore;

struct LocalBackendOptions {
  std::string data_dir;       // absolute; logs/ and images/ are below it
  std::string run_dir;        // absolute and short: run/r/<replica>/{data,control}.sock
  std::string watchdog_path;  // the static hearth-watchdog binary
  // Unix socket of the gateway for functions. Sandboxes get its folder, so that it may come, go and
  // be made anew: the folder holds nothing else. Empty: functions cannot call others.
  std::string gateway_socket;
  std::string bwrap_path;  // empty: found on this machine
  bool insecure_no_sandbox = false;
  std::string default_memory = "256Mi";
  uint64_t tmp_bytes = 512ull << 20;  // bound of a replica's /tmp
  uint32_t max_processes = 512;       // bound of a replica's processes and threads
  uint32_t warm_slots = 8;            // prepared network namespaces and control groups
  uint32_t start_parallelism = 0;     // 0: from the machine's CPUs
};

// What the backend takes from the rest of the controller; all of them outlive it.
struct LocalBackendDeps {
  const Clock* clock = nullptr;
  const SecretStore* secrets = nullptr;
  BundleStore* bundles = nullptr;
  RuntimeCatalog* runtimes = nullptr;
  ImageStore* images = nullptr;
  LogStore* logs = nullptr;
  log::Logger log = log::Logger::Null();
};

// Runs replicas as watchdog processes on this machine, each in a sandbox of its own (bubblewrap,
// control groups, a network namespace). Owned by the application; its loop thread reads what the
// watchdogs say, its workers do what takes time (launching, unpacking, killing). The destructor
// leaves replicas running, so that the next controller adopts them; StopAll does not.
class LocalBackend final : public Backend {
 public:
  LocalBackend(LocalBackendOptions options, LocalBackendDeps deps);
  ~LocalBackend() override;

  absl::Status Start(EventSink sink) override;
  void Create(ReplicaRequest request) override;
  void Drain(const ReplicaId& id, Duration grace) override;
  void Kill(const ReplicaId& id) override;
  absl::Status Check(const FunctionKey& key, const model::FunctionSpec& spec) override;
  uint32_t start_parallelism() const override;

  // A clean stop of the platform: drains everything, kills what is left after `grace`, removes
  // network set-up and control groups, and returns when no process is left. Nothing starts after
  // it.
  void StopAll(Duration grace);

  // What is weaker on this machine than it should be ("no control groups: …"), for the log and
  // `hearth doctor`; filled by Start.
  const std::vector<std::string>& notices() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
