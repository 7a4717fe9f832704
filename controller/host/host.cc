#include "controller/host/host.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <set>
#include <utility>
#include <vector>

#include "controller/api/api.h"
#include "controller/api/api_server.h"
#include "controller/app/app.h"
#include "controller/backend/local/local_backend.h"
#include "controller/bundle/bundle_store.h"
#include "controller/host/admin_server.h"
#include "controller/host/janitor.h"
#include "controller/host/runtime_list.h"
#include "controller/images/image_store.h"
#include "controller/logs/log_store.h"
#include "controller/rpc/fleet_server.h"
#include "controller/runtimes/runtime_catalog.h"
#include "controller/store/file_secret_store.h"
#include "controller/store/sqlite_store.h"
#include "controller/stream/stream_server.h"
#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "core/base/version.h"

namespace hearth::controller {

class Host::Impl {
 public:
  Impl(HostOptions options, const Clock& clock, log::Logger logger)
      : options_(std::move(options)),
        clock_(clock),
        log_(std::move(logger)),
        token_(RandomHex(32)) {}

  absl::Status Start() {
    RETURN_IF_ERROR(Lock());
    RETURN_IF_ERROR(OpenStores());
    MakeBackend();
    MakeApp();
    RETURN_IF_ERROR(app_->Start());
    for (const auto& notice : backend_->notices()) log_.Warn("this machine", {{"note", notice}});
    RETURN_IF_ERROR(OpenDoors());
    app_->StartThread();
    janitor_ = std::make_unique<Janitor>([this] { CollectGarbage(); });
    started_ = true;
    return absl::OkStatus();
  }

  void Stop(bool keep_replicas) {
    janitor_.reset();
    if (fleet_) fleet_->Stop();
    if (stream_) stream_->Stop();
    if (api_server_) api_server_->Stop();
    if (app_) app_->StopThread();
    // A start that failed half-way leaves to the next one what it found running.
    if (started_ && !keep_replicas) backend_->StopAll(options_.stop_grace);
    if (admin_) admin_->Stop();
    started_ = false;
  }

  std::string api_address() const { return api_server_->address(); }

 private:
  // One controller a data folder: two would undo each other's work.
  absl::Status Lock() {
    const std::string path = options_.data + "/controller.lock";
    lock_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_.valid()) return Unavailable(Cat("cannot use the data folder ", options_.data));
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
    return FailedPrecondition(Cat("another controller uses the data folder ", options_.data,
                                  "; stop it, or choose another folder with --data"));
  }

  absl::Status OpenStores() {
    ASSIGN_OR_RETURN(store_, SqliteStore::Open(options_.data + "/hearth.db"));
    ASSIGN_OR_RETURN(secrets_, FileSecretStore::Open(options_.data + "/secrets"));
    ASSIGN_OR_RETURN(runtimes_, RuntimeCatalog::Load(options_.runtimes));
    ASSIGN_OR_RETURN(bundles_, BundleStore::Open(options_.data + "/bundles", runtimes_.get()));
    ImageStore::Options images;
    images.folder = options_.data + "/images";
    images.rootless = ::geteuid() != 0;
    images_ = std::make_unique<ImageStore>(std::move(images));
    logs_ = std::make_unique<LogStore>(options_.data + "/logs", options_.log_bytes);
    return absl::OkStatus();
  }

  void MakeBackend() {
    LocalBackendOptions o;
    o.data_dir = options_.data;
    o.run_dir = options_.run;
    o.watchdog_path = options_.watchdog;
    o.gateway_socket = options_.gateway_socket;
    o.insecure_no_sandbox = options_.insecure_no_sandbox;
    o.start_parallelism = options_.start_parallelism;
    LocalBackendDeps deps;
    deps.clock = &clock_;
    deps.secrets = secrets_.get();
    deps.bundles = bundles_.get();
    deps.runtimes = runtimes_.get();
    deps.images = images_.get();
    deps.logs = logs_.get();
    deps.log = log_.For("backend");
    backend_ = std::make_unique<LocalBackend>(std::move(o), deps);
  }

  void MakeApp() {
    AppOptions o;
    o.default_namespace = options_.default_namespace;
    o.on_function_gone = [this](const FunctionKey& key) { logs_->RemoveFunction(key); };
    AppDeps deps;
    deps.clock = &clock_;
    deps.store = store_.get();
    deps.secrets = secrets_.get();
    deps.backend = backend_.get();
    deps.hub = &hub_;
    deps.metrics = &metrics_;
    app_ = std::make_unique<App>(std::move(o), deps, log_);
  }

  absl::Status OpenDoors() {
    ApiOptions api;
    api.version = std::string(Version());
    api.arch = ThisMachine().arch;
    api.runtimes = [this] { return ListRuntimes(*runtimes_); };
    api_ = std::make_unique<Api>(app_.get(), std::move(api));
    ASSIGN_OR_RETURN(const net::Address api_address, net::Address::Parse(options_.api_listen));
    if (api_address.kind != net::Address::Kind::kTcp || !api_address.IsLoopback()) {
      return InvalidArgument(Cat("--api-listen ", options_.api_listen,
                                 " is not a loopback address with a port: the management API is "
                                 "reached through gateways alone"));
    }
    ApiServerOptions server;
    server.host = api_address.host;
    server.port = api_address.port;
    server.internal_token = token_;
    api_server_ = std::make_unique<ApiServer>(std::move(server), api_.get(), log_.For("api"));
    RETURN_IF_ERROR(api_server_->Start());
    RETURN_IF_ERROR(OpenStream());
    RETURN_IF_ERROR(OpenAdmin());

    FleetServerOptions fleet;
    fleet.listen = options_.fleet_listen;
    fleet.max_streams = options_.max_gateways;
    fleet.identity = {app_->epoch(), api_server_->address(), stream_->address().Text(), token_};
    fleet_ = std::make_unique<FleetServer>(std::move(fleet), &hub_, app_.get(), log_.For("fleet"));
    return fleet_->Start();
  }

  absl::Status OpenStream() {
    StreamServerOptions o;
    ASSIGN_OR_RETURN(o.listen, net::Address::Parse(options_.stream_listen));
    o.internal_token = token_;
    o.default_namespace = options_.default_namespace;
    StreamServerDeps deps;
    deps.clock = &clock_;
    deps.logs = logs_.get();
    deps.bundles = bundles_.get();
    deps.function_exists = [this](const FunctionKey& key) { return app_->Get(key).ok(); };
    deps.log = log_.For("stream");
    stream_ = std::make_unique<StreamServer>(std::move(o), deps);
    return stream_->Start();
  }

  absl::Status OpenAdmin() {
    if (options_.admin_listen.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const net::Address address, net::Address::Parse(options_.admin_listen));
    admin_ =
        std::make_unique<AdminServer>(clock_, [this] { return metrics_.Text(app_->Gauges()); });
    RETURN_IF_ERROR(admin_->Start(address));
    log_.Info("metrics and health", {{"address", admin_->address().Text()}});
    return absl::OkStatus();
  }

  // Code and images that no function refers to any more. Uploads come before the functions that use
  // them: young ones stay.
  void CollectGarbage() {
    const std::vector<model::FunctionSpec> live = app_->LiveSpecs();
    std::set<std::string> images;
    for (const auto& spec : live) {
      if (!spec.image.empty()) images.insert(spec.image);
    }
    const absl::Status bundles = bundles_->Collect(live, std::chrono::hours(1), clock_.WallNow());
    const absl::Status unpacked = images_->Collect(images);
    for (const auto& status : {bundles, unpacked}) {
      if (!status.ok()) log_.Warn("cannot clean up", {{"error", Message(status)}});
    }
  }

  const HostOptions options_;
  const Clock& clock_;
  const log::Logger log_;
  const std::string token_;
  UniqueFd lock_;
  bool started_ = false;

  // In the order in which they use each other; destroyed from the last to the first.
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<FileSecretStore> secrets_;
  std::unique_ptr<RuntimeCatalog> runtimes_;
  std::unique_ptr<BundleStore> bundles_;
  std::unique_ptr<ImageStore> images_;
  std::unique_ptr<LogStore> logs_;
  RouteHub hub_;
  Metrics metrics_;
  // The application is told by the backend's threads and tells them what to do: the backend ends
  // first, and the application takes its last word.
  std::unique_ptr<App> app_;
  std::unique_ptr<LocalBackend> backend_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<ApiServer> api_server_;
  std::unique_ptr<StreamServer> stream_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<FleetServer> fleet_;
  std::unique_ptr<Janitor> janitor_;
};

Host::Host(HostOptions options, const Clock& clock, log::Logger logger)
    : impl_(std::make_unique<Impl>(std::move(options), clock, std::move(logger))) {}
Host::~Host() { Stop(/*keep_replicas=*/false); }
absl::Status Host::Start() { return impl_->Start(); }
void Host::Stop(bool keep_replicas) { impl_->Stop(keep_replicas); }
std::string Host::api_address() const { return impl_->api_address(); }

}  // namespace hearth::controller
