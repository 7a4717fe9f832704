#include "gateway/app/app.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/version.h"
#include "core/net/socket.h"
#include "gateway/admin/functions_page.h"
#include "gateway/admin/top_page.h"
#include "gateway/app/tls_settings.h"
#include "gateway/metrics/totals.h"

namespace hearth::gateway {
namespace {

using prometheus::MetricType;

proxy::Options::Timing TimingOf(const std::string& text) {
  if (text == "always") return proxy::Options::Timing::kAlways;
  return text == "off" ? proxy::Options::Timing::kNever : proxy::Options::Timing::kOnRequest;
}

uint32_t LoopCount(const Options& options) {
  return options.threads != 0 ? options.threads : proxy::AvailableCpus();
}

absl::Status WithFlag(const absl::Status& status, std::string_view flag) {
  return absl::Status(status.code(), A(Cat(Message(status), " (--", flag, ")")));
}

// They are read again at each connect; what is wrong from the beginning is better said at once.
absl::Status CheckTlsFiles(const Options& options) {
  const std::pair<const std::string*, const char*> files[] = {
      {&options.controller_ca, "controller-ca"},
      {&options.controller_certificate, "controller-certificate"},
      {&options.controller_key, "controller-key"}};
  for (const auto& [path, flag] : files) {
    if (path->empty() || ::access(path->c_str(), R_OK) == 0) continue;
    return WithFlag(NotFound(Cat("cannot read ", *path, ": ", net::ErrnoText(errno))), flag);
  }
  if (options.controller_certificate.empty() != options.controller_key.empty()) {
    return InvalidArgument(
        "--controller-certificate and --controller-key belong together; give both or none");
  }
  if (options.controller_ca.empty() && !options.controller_key.empty()) {
    return InvalidArgument("--controller-key needs --controller-ca to check the controller by");
  }
  return absl::OkStatus();
}

// From this machine.
net::Address Reachable(net::Address address) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return address;
}

std::string UrlOf(const net::Address& address) {
  return address.kind == net::Address::Kind::kTcp ? Cat("http://", Reachable(address).Text()) : "";
}

route::RouteStore::Options StoreOptions(uint32_t loops, fleet::Outbox* outbox,
                                        route::PlatformLimits* limits) {
  route::RouteStore::Options options;
  options.loop_count = loops;
  options.demand = outbox;
  options.limits = limits;
  return options;
}

}  // namespace

App::App(Options options, const Clock& clock, const log::Logger& logger)
    : options_(std::move(options)),
      clock_(clock),
      logger_(logger),
      loop_count_(LoopCount(options_)),
      outbox_(clock),
      store_(clock, StoreOptions(loop_count_, &outbox_, &limits_)),
      recorder_(loop_count_) {
  limits_.max_queued_requests = options_.max_queued_requests;
  limits_.max_queued_bytes = options_.max_queued_bytes;
}

App::~App() {
  if (handover_ != nullptr) handover_->Stop();
  if (fleet_ != nullptr) fleet_->Stop();
  for (const auto& loop : loops_) loop->Stop();
  if (admin_loop_ != nullptr) admin_loop_->Stop();
  for (std::thread& thread : threads_) thread.join();
  housekeeping_.reset();
  admin_.reset();
  data_path_.reset();
}

absl::Status App::Start() {
  RETURN_IF_ERROR(CheckTlsFiles(options_));
  RETURN_IF_ERROR(OpenCredentials());
  RETURN_IF_ERROR(OpenCertificates());
  RETURN_IF_ERROR(BeginTakeOver());
  if (options_.access_log != "off") {
    accesslog::WriterOptions log;
    log.format =
        options_.access_log == "json" ? accesslog::Format::kJson : accesslog::Format::kText;
    log.path = options_.access_log_file;
    log.sample = options_.access_log_sample;
    ASSIGN_OR_RETURN(access_log_, accesslog::Writer::Open(log, loop_count_));
  }
  RETURN_IF_ERROR(OpenTraces());
  exchange_log_ =
      std::make_unique<ExchangeLog>(&recorder_, access_log_.get(), spans_.get(), &clock_);
  authenticator_ = std::make_unique<auth::FunctionAuthenticator>(credentials_.get());
  desk_ = std::make_unique<FrontDesk>(credentials_.get(), std::string(Version()), logger_);
  RETURN_IF_ERROR(OpenSockets());
  if (take_over_ != nullptr) data_path_->HoldBack();
  RETURN_IF_ERROR(OpenAdmin());

  fleet::FleetOptions fleet_options;
  fleet_options.controllers = options_.controllers;
  fleet_options.tls = {options_.controller_ca, options_.controller_certificate,
                       options_.controller_key};
  fleet_options.gateway_id = NewUuid();
  fleet_options.version = Version();
  fleet_options.function_url = function_url_;
  fleet_options.route_cache = options_.route_cache;
  fleet_ = std::make_unique<fleet::FleetClient>(
      std::move(fleet_options), &outbox_, &store_,
      [this](auto table, auto done) { Install(std::move(table), std::move(done)); },
      [this](const auto& controller) { desk_->SetController(controller); }, logger_.For("fleet"));
  StartThreads();
  fleet_->Start();
  if (take_over_ != nullptr) RETURN_IF_ERROR(FinishTakeOver());
  // Only now: the pages of this gateway take the place of the predecessor's.
  admin_loop_->Post([this] { Housekeep(); });
  threads_.emplace_back([this] { admin_loop_->Run(); });
  if (const absl::Status status = OfferHandover(); !status.ok()) {
    if (!took_over_) return status;
    // There is no way back to the predecessor: better this gateway than none.
    logger_.Error("the next gateway cannot take over from this one", {{"error", Message(status)}});
  }
  WarnAboutExposure();
  return absl::OkStatus();
}

absl::Status App::OpenCredentials() {
  if (options_.auth_file.empty()) return absl::OkStatus();
  credentials_ = std::make_unique<auth::CredentialFile>(options_.auth_file);
  if (absl::Status status = credentials_->Refresh(); !status.ok()) {
    return WithFlag(status, "auth-file");
  }
  return absl::OkStatus();
}

absl::Status App::OpenTraces() {
  if (options_.otlp_endpoint.empty()) return absl::OkStatus();
  auto endpoint = trace::ParseEndpoint(options_.otlp_endpoint);
  if (!endpoint.ok()) return WithFlag(endpoint.status(), "otlp-endpoint");
  trace::ExporterOptions options;
  options.endpoint = *std::move(endpoint);
  options.origin = {options_.otlp_service, std::string(Version()), NewUuid()};
  options.loops = loop_count_;
  spans_ = std::make_unique<trace::Exporter>(std::move(options), logger_.For("traces"));
  return absl::OkStatus();
}

absl::Status App::OpenSockets() {
  std::vector<net::Loop*> loops;
  for (uint32_t i = 0; i < loop_count_; ++i) {
    loops_.push_back(net::NewEpollLoop(clock_));
    loops.push_back(loops_.back().get());
  }
  proxy::Options proxy_options;
  proxy_options.version = Version();
  proxy_options.redirect_port = RedirectPort(options_);
  proxy_options.tracing = spans_ != nullptr;
  proxy_options.trace_ratio = options_.trace_ratio;
  proxy_options.server_timing = TimingOf(options_.server_timing);
  data_path_ = std::make_unique<proxy::DataPath>(
      std::move(loops), proxy_options,
      proxy::Dependencies{desk_.get(), authenticator_.get(), exchange_log_.get(), &outbox_,
                          certificates_.get()});

  ASSIGN_OR_RETURN(const net::Address wanted, net::Address::Parse(options_.listen));
  auto bound = Open("public", wanted, PublicKind(options_));
  if (!bound.ok()) return WithFlag(bound.status(), "listen");
  address_ = *bound;
  function_url_ = options_.function_url.empty() ? UrlOf(address_) : options_.function_url;
  RETURN_IF_ERROR(ListenTls());
  if (options_.functions_socket.empty()) return absl::OkStatus();

  auto socket = net::Address::Parse("unix:" + options_.functions_socket);
  if (!socket.ok()) return WithFlag(socket.status(), "functions-socket");
  auto functions = Open("functions", *socket, proxy::ListenerKind::kFunctionsOnly);
  return functions.ok() ? absl::OkStatus() : WithFlag(functions.status(), "functions-socket");
}

absl::Status App::OpenAdmin() {
  collector_ = std::make_unique<Collector>(
      &recorder_, &clock_, [this] { return table(); }, [this] { return Readings(); });
  admin_loop_ = net::NewEpollLoop(clock_);
  housekeeping_ = std::make_unique<net::Timer>([this] { Housekeep(); });
  if (options_.admin_listen.empty()) return absl::OkStatus();
  const std::string instance = NewUuid();
  AdminPages pages;
  pages.metrics = [this] { return collector_->Text(); };
  pages.readiness = [this] { return readiness(); };
  pages.functions = [this] {
    const auto totals = SumFunctions(recorder_, [this] { return table(); });
    const auto now_table = table();
    return now_table == nullptr ? std::string("{\"functions\":[]}\n")
                                : FunctionsPage(*now_table, totals, clock_.Now());
  };
  pages.top = [this, instance, started = clock_.Now()] {
    const auto totals = SumFunctions(recorder_, [this] { return table(); });
    auto now_table = table();
    if (now_table == nullptr) now_table = std::make_shared<const route::Table>();
    return TopPage(*now_table, totals, clock_.Now(), started, instance);
  };
  admin_ = std::make_unique<AdminServer>(*admin_loop_, std::move(pages));
  RETURN_IF_ERROR(ListenAdmin());
  desk_->SetAdmin(Reachable(admin_address_));
  return absl::OkStatus();
}

void App::StartThreads() {
  for (const auto& loop : loops_) {
    threads_.emplace_back([l = loop.get()] { l->Run(); });
  }
}

void App::Install(std::shared_ptr<const route::Table> table, std::function<void()> done) {
  {
    std::lock_guard lock(table_mutex_);
    table_ = table;
  }
  table_changed_.notify_all();
  data_path_->Install(std::move(table), std::move(done));
}

std::shared_ptr<const route::Table> App::table() const {
  std::lock_guard lock(table_mutex_);
  return table_;
}

void App::RefreshCredentials() {
  if (credentials_ == nullptr) return;
  if (const absl::Status status = credentials_->Refresh(); !status.ok()) {
    logger_.Error("credentials not read again; the old ones stay in force",
                  {{"error", Message(status)}});
  }
}

void App::Housekeep() {
  RefreshCredentials();
  RefreshCertificates(tls::CertificateStore::When::kSettled);
  ProbeLag();
  admin_loop_->ArmAfter(*housekeeping_, std::chrono::seconds(1));
}

void App::ProbeLag() {
  for (uint32_t i = 0; i < loop_count_; ++i) {
    loops_[i]->Post([this, i, posted = clock_.Now()] {
      const Duration lag = clock_.Now() - posted;
      recorder_.OnLag(i, lag);
      if (lag > std::chrono::milliseconds(50)) {
        logger_.Warn("event loop is late", {{"loop", i}, {"lag", lag}});
      }
    });
  }
}

Readiness App::readiness() const {
  if (draining_.load()) return {false, "this gateway is draining"};
  if (!fleet_->status().has_routes) {
    return {false, "no routes yet: no controller has been reached, and there is no route cache"};
  }
  return {true, {}};
}

std::vector<Reading> App::Readings() const {
  const fleet::FleetStatus status = fleet_->status();
  std::vector<Reading> readings = {
      {"hearth_gateway_controller_connected", "1 while a controller is obeyed", MetricType::Gauge,
       status.controller ? 1.0 : 0.0},
      {"hearth_gateway_controller_epoch", "Newest epoch of a controller that was seen",
       MetricType::Gauge, static_cast<double>(status.newest_epoch)},
      {"hearth_gateway_routes_sequence", "Last change of the routes", MetricType::Gauge,
       static_cast<double>(status.sequence)},
      {"hearth_gateway_functions", "Functions in the routes", MetricType::Gauge,
       static_cast<double>(status.functions)},
      {"hearth_gateway_queued_requests", "Requests waiting for a slot, of all functions",
       MetricType::Gauge, static_cast<double>(limits_.queued_requests.load())},
      {"hearth_gateway_queued_bytes", "Memory that they hold", MetricType::Gauge,
       static_cast<double>(limits_.queued_bytes.load())},
      {"hearth_gateway_exchanges", "Requests being served", MetricType::Gauge,
       static_cast<double>(data_path_->exchanges())},
      {"hearth_gateway_replica_failures_dropped_total",
       "Failures of replicas that no controller could be told", MetricType::Counter,
       static_cast<double>(outbox_.failures_dropped())},
  };
  if (certificates_ != nullptr) readings.push_back(CertificateReading(*certificates_));
  if (spans_ != nullptr) {
    readings.push_back({"hearth_gateway_spans_exported_total", "Spans that the collector has taken",
                        MetricType::Counter, static_cast<double>(spans_->exported())});
    readings.push_back({"hearth_gateway_spans_failed_total", "Spans that it did not take",
                        MetricType::Counter, static_cast<double>(spans_->failed())});
    readings.push_back({"hearth_gateway_spans_dropped_total",
                        "Spans for which there was no room while it was slow", MetricType::Counter,
                        static_cast<double>(spans_->dropped())});
  }
  if (access_log_ != nullptr) {
    readings.push_back({"hearth_gateway_access_log_dropped_total",
                        "Lines of the access log that were lost", MetricType::Counter,
                        static_cast<double>(access_log_->dropped())});
  }
  return readings;
}

void App::WarnAboutExposure() const {
  if (!address_.IsLoopback() && !options_.http_redirect && credentials_ != nullptr) {
    logger_.Warn(
        "listening beyond this machine without TLS: credentials cross the network in the clear; "
        "serve by --tls-listen and let --http-redirect lead there, or listen on 127.0.0.1",
        {{"listen", address_.Text()}});
  }
  if (admin_ != nullptr && !admin_address_.IsLoopback()) {
    logger_.Warn("metrics and health are open to the network",
                 {{"admin-listen", admin_address_.Text()}});
  }
  if (credentials_ == nullptr) {
    logger_.Warn("no --auth-file: the management API and private functions are closed");
  }
  if (options_.controllers.empty()) {
    logger_.Warn("no --controller: only cached routes are served");
  }
}

}  // namespace hearth::gateway
