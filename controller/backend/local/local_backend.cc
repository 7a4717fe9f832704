#include "controller/backend/local/local_backend.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <thread>
#include <utility>

#include "controller/backend/local/launcher.h"
#include "controller/backend/local/supervisor.h"
#include "controller/bundle/bundle_store.h"
#include "controller/images/image_store.h"
#include "controller/logs/log_store.h"
#include "controller/runtimes/runtime_catalog.h"
#include "controller/store/secret_store.h"
#include "core/base/absl_compat.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr Duration kAdoptTimeout = std::chrono::seconds(2);

uint32_t Parallelism(uint32_t wanted) {
  if (wanted > 0) return wanted;
  return std::clamp(std::thread::hardware_concurrency() * 2, 2u, 32u);
}

}  // namespace

class LocalBackend::Impl {
 public:
  Impl(LocalBackendOptions options, LocalBackendDeps deps)
      : options_(std::move(options)),
        deps_(deps),
        launcher_(options_, deps_),
        loop_(net::NewEpollLoop(*deps_.clock)),
        workers_(Parallelism(options_.start_parallelism)) {}

  ~Impl() {
    workers_.Stop();
    if (!thread_.joinable()) return;
    loop_->Post([this] { supervisor_.reset(); });
    loop_->Post([this] { loop_->Stop(); });
    thread_.join();
  }

  absl::Status Start(EventSink sink) {
    RETURN_IF_ERROR(launcher_.SetUp(&notices_));
    supervisor_ = std::make_unique<Supervisor>(*loop_, launcher_, workers_, *deps_.logs,
                                               options_.run_dir, deps_.log, std::move(sink));
    const auto adopted = FindLive();
    std::vector<ReplicaMeta> metas;
    for (const auto& [meta, status] : adopted) {
      metas.push_back(meta);
      launcher_.Adopt(meta);
    }
    launcher_.CleanUpUnknown(metas);
    launcher_.Begin();
    thread_ = std::thread([this] { loop_->Run(); });
    OnLoop([&] {
      for (const auto& [meta, status] : adopted) supervisor_->Adopt(meta, status);
    });
    return absl::OkStatus();
  }

  void Create(ReplicaRequest request) {
    loop_->Post([this, request = std::move(request), decided = deps_.clock->Now()]() mutable {
      supervisor_->Create(std::move(request), decided);
    });
  }
  void Drain(const ReplicaId& id, Duration grace) {
    loop_->Post([this, id, grace] { supervisor_->Drain(id, grace); });
  }
  void Kill(const ReplicaId& id) {
    loop_->Post([this, id] { supervisor_->Kill(id); });
  }

  void StopAll(Duration grace) {
    if (!thread_.joinable()) return;
    std::promise<void> done;
    loop_->Post([&] { supervisor_->StopAll(grace, [&] { done.set_value(); }); });
    done.get_future().wait();
    launcher_.TearDown();
  }

  absl::Status Check(const model::FunctionSpec& spec) {
    ASSIGN_OR_RETURN(const ReplicaLimits limits,
                     LimitsOf(spec.limits, options_.default_memory, options_.max_processes));
    if (const uint64_t all = MachineMemory(); all > 0 && limits.memory_bytes > all) {
      return InvalidArgument(Cat("spec.limits.memory: ", spec.limits.memory,
                                 " is more than this machine has (", all >> 20, "Mi)"));
    }
    if (!spec.runtime.empty()) {
      ASSIGN_OR_RETURN(const Runtime* runtime, deps_.runtimes->Find(spec.runtime));
      RETURN_IF_ERROR(deps_.runtimes->Version(*runtime).status());
      if (!spec.source.inline_code.empty() && !runtime->can_inline) {
        return InvalidArgument(Cat("spec.source: the runtime ", runtime->name,
                                   " is compiled; build a bundle with `hearth deploy`"));
      }
    }
    if (!spec.source.bundle.empty()) {
      RETURN_IF_ERROR(CheckBundle(spec));
    }
    if (!spec.image.empty()) {
      if (deps_.images == nullptr) return Unimplemented("spec.image: images are not enabled here");
      return deps_.images->Check(spec.image);
    }
    return absl::OkStatus();
  }

  const LocalBackendOptions& options() const { return options_; }
  const std::vector<std::string>& notices() const { return notices_; }

 private:
  absl::Status CheckBundle(const model::FunctionSpec& spec) {
    RETURN_IF_ERROR(deps_.bundles->Folder(spec.source.bundle).status());
    ASSIGN_OR_RETURN(const std::string runtime, deps_.bundles->RuntimeOf(spec.source.bundle));
    if (!runtime.empty() && !spec.runtime.empty() && runtime != spec.runtime) {
      return InvalidArgument(Cat("spec.source.bundle: was built for the runtime ", runtime,
                                 ", but spec.runtime is ", spec.runtime, "; build it again"));
    }
    return absl::OkStatus();
  }

  // Runs on the loop's thread and waits for it.
  void OnLoop(const std::function<void()>& task) {
    std::promise<void> done;
    loop_->Post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Replicas of an earlier controller whose watchdog lives and answers.
  std::vector<std::pair<ReplicaMeta, WatchdogStatus>> FindLive() {
    std::vector<std::pair<ReplicaMeta, WatchdogStatus>> live;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(options_.run_dir + "/r", error)) {
      const auto meta = ReadMeta(entry.path().string());
      if (!meta.ok() || meta->id.value() != entry.path().filename().string()) continue;
      if (!IsAlive(meta->pid, meta->start_time)) continue;
      net::ClientRequest request;
      request.address.kind = net::Address::Kind::kUnix;
      request.address.host = PathsOf(options_.run_dir, meta->id).control_socket();
      request.target = "/status";
      request.total_timeout = kAdoptTimeout;
      const auto answer = net::Fetch(request);
      if (!answer.ok() || answer->status != 200) continue;
      const auto status = ParseWatchdogStatus(answer->body);
      // Those that are leaving, too: there may be requests inside.
      if (status.ok()) live.emplace_back(*meta, *status);
    }
    return live;
  }

  const LocalBackendOptions options_;
  const LocalBackendDeps deps_;
  std::vector<std::string> notices_;
  Launcher launcher_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<Supervisor> supervisor_;
  WorkerPool workers_;
  std::thread thread_;
};

LocalBackend::LocalBackend(LocalBackendOptions options, LocalBackendDeps deps)
    : impl_(std::make_unique<Impl>(std::move(options), deps)) {}
LocalBackend::~LocalBackend() = default;

absl::Status LocalBackend::Start(EventSink sink) { return impl_->Start(std::move(sink)); }
void LocalBackend::Create(ReplicaRequest request) { impl_->Create(std::move(request)); }
void LocalBackend::Drain(const ReplicaId& id, Duration grace) { impl_->Drain(id, grace); }
void LocalBackend::Kill(const ReplicaId& id) { impl_->Kill(id); }
absl::Status LocalBackend::Check(const FunctionKey&, const model::FunctionSpec& spec) {
  return impl_->Check(spec);
}
uint32_t LocalBackend::start_parallelism() const {
  return Parallelism(impl_->options().start_parallelism);
}
void LocalBackend::StopAll(Duration grace) { impl_->StopAll(grace); }
const std::vector<std::string>& LocalBackend::notices() const { return impl_->notices(); }

}  // namespace hearth::controller
