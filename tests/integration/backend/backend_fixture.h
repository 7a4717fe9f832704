#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controller/backend/local/local_backend.h"
#include "controller/bundle/bundle_store.h"
#include "controller/images/image_store.h"
#include "controller/logs/log_store.h"
#include "controller/runtimes/runtime_catalog.h"
#include "controller/store/secret_store.h"
#include "core/base/real_clock.h"

namespace hearth::controller {

// Secrets in memory.
class FakeSecrets final : public SecretStore {
 public:
  absl::StatusOr<std::vector<std::string>> List(std::string_view ns) const override;
  absl::StatusOr<std::string> Read(std::string_view ns, std::string_view name) const override;
  absl::Status Create(std::string_view ns, std::string_view name, std::string_view value) override;
  absl::Status Update(std::string_view ns, std::string_view name, std::string_view value) override;
  absl::Status Remove(std::string_view ns, std::string_view name) override;
  absl::StatusOr<std::map<std::string, std::string>> Versions(
      std::string_view ns, const std::vector<std::string>& names) const override;

 private:
  std::map<std::string, std::string> values_;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// A LocalBackend over real stores in a folder of its own, with the real watchdog. It waits for
// events, and takes everything away in the end.
class BackendFixture {
 public:
  BackendFixture();
  ~BackendFixture();

  absl::Status Start(LocalBackendOptions overrides = {});
  void Crash();  // the controller's end without a clean stop: replicas stay
  LocalBackend& backend() { return *backend_; }
  FakeSecrets& secrets() { return secrets_; }
  LogStore& logs() { return *logs_; }
  ImageStore& images() { return *images_; }
  const std::string& folder() const { return folder_; }
  const std::string& run_dir() const { return run_dir_; }

  // A function whose server is a Python script: `code` defines `answer(path, body)`, which returns
  // text. Served in http mode with `command`.
  static model::FunctionSpec PythonServer(const std::string& code);
  ReplicaId Create(const model::FunctionSpec& spec, const std::string& name = "fn");
  // Waits until the newest state of the replica is `state`; fails the test after `seconds`.
  ReplicaEvent WaitFor(const ReplicaId& id, model::ReplicaState state, int seconds = 20);
  std::optional<ReplicaEvent> Last(const ReplicaId& id);
  HttpAnswer Get(const ReplicaId& id, const std::string& path, const std::string& body = {});
  // Creates, waits until ready.
  ReplicaId Run(const model::FunctionSpec& spec, const std::string& name = "fn");

 private:
  RealClock clock_;
  std::string folder_, run_dir_;
  FakeSecrets secrets_;
  std::unique_ptr<RuntimeCatalog> runtimes_;
  std::unique_ptr<BundleStore> bundles_;
  std::unique_ptr<ImageStore> images_;
  std::unique_ptr<LogStore> logs_;
  std::mutex mutex_;  // guards events_
  std::condition_variable changed_;
  std::map<ReplicaId, ReplicaEvent> events_;
  std::unique_ptr<LocalBackend> backend_;
  int created_ = 0;
};

}  // namespace hearth::controller
