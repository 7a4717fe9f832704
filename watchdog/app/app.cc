#include "watchdog/app/app.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "watchdog/config/child_environment.h"
#include "watchdog/modes/native.h"
#include "watchdog/modes/process.h"
#include "watchdog/modes/proxy.h"
#include "watchdog/modes/static.h"

namespace hearth::watchdog {
namespace {

constexpr char kLockFile[] = "/tmp/.lock";  // of-watchdog's sign of health
// Between the last answer and the end, so that requests whose bytes are already here are seen.
constexpr Duration kLastLook = std::chrono::milliseconds(10);

net::Address Loopback(uint16_t port) {
  net::Address a;
  a.host = "127.0.0.1";
  a.port = port;
  return a;
}

}  // namespace

App::App(net::Loop& loop, Launcher& launcher, LogSink& sink, Config config, Environment environment,
         std::function<void(int)> on_done)
    : loop_(loop),
      launcher_(launcher),
      sink_(sink),
      config_(std::move(config)),
      environment_(std::move(environment)),
      on_done_(std::move(on_done)),
      log_(
          sink, [this] { return front_.OnlyCallId(); }, config_.log_line_max),
      front_(loop, config_, [this] { ConsiderLeaving(); }),
      leave_timer_([this] { ConsiderLeaving(); }) {}

App::~App() = default;

absl::Status App::Start() {
  started_at_ = loop_.Now();
  RETURN_IF_ERROR(front_.Listen());
  if (config_.control) {
    control_ = std::make_unique<Control>(loop_, *this, config_.token);
    RETURN_IF_ERROR(control_->Listen(*config_.control));
  }
  if (!config_.gateway_socket.empty()) {
    net::Address gateway;
    gateway.kind = net::Address::Kind::kUnix;
    gateway.host = config_.gateway_socket;
    relay_ = std::make_unique<GatewayRelay>(loop_, gateway);
    RETURN_IF_ERROR(relay_->Listen(Loopback(9900)));
  }
  if (!config_.announce.empty()) {
    ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(config_.announce));
    announcer_ =
        std::make_unique<Announcer>(loop_, url, config_.token, [this] { return StatusLine(); });
  }
  RETURN_IF_ERROR(MakeMode());
  front_.SetMode(mode_.get());
  mode_->Start();
  return absl::OkStatus();
}

LaunchSpec App::MakeLaunchSpec() const {
  LaunchSpec spec;
  spec.command = config_.command;
  spec.environment =
      ToStrings(ChildEnvironment(environment_, config_, loop_.clock().WallNow(), RandomHex(16)));
  spec.run_as = config_.run_as;
  return spec;
}

absl::Status App::MakeMode() {
  switch (config_.mode) {
    case ModeKind::kNative: {
      auto mode =
          std::make_unique<NativeMode>(NativeMode::Parts{loop_, launcher_, log_, *this, config_});
      RETURN_IF_ERROR(mode->Listen());
      config_.runtime_api = mode->api_address();
      mode->SetLaunchSpec(MakeLaunchSpec());
      mode_ = std::move(mode);
      break;
    }
    case ModeKind::kHttp:
      mode_ = std::make_unique<ProxyMode>(loop_, launcher_, log_, *this, config_, MakeLaunchSpec());
      break;
    case ModeKind::kStreaming:
    case ModeKind::kSerializing:
      mode_ = std::make_unique<ProcessMode>(launcher_, log_, *this, config_, MakeLaunchSpec());
      break;
    case ModeKind::kStatic:
      mode_ = std::make_unique<StaticMode>(*this, config_);
      break;
  }
  return absl::OkStatus();
}

std::string_view App::StateName() const {
  if (!failure_.empty()) return "failed";
  if (front_.draining()) return "draining";
  return front_.state() == FunctionState::kStarting ? "starting" : "ready";
}

std::string App::StatusLine() const {
  Status s;
  s.function = config_.function;
  s.ns = config_.ns;
  s.revision = config_.revision;
  s.replica = config_.replica;
  s.pid = getpid();
  s.state = StateName();
  s.reason = failure_;
  s.in_flight = front_.in_flight();
  s.started_total = front_.started_total();
  s.restarts = restarts_;
  s.last_exit_reason = last_exit_reason_;
  s.last_exit_time = last_exit_time_;
  s.init_ms = init_ms_;
  s.address = front_.address().Text();
  if (!failure_.empty()) s.last_output = &log_.last_lines();
  return ToJson(s);
}

std::string App::MetricsText() const {
  metrics::TextWriter out;
  front_.WriteMetrics(&out);
  out.Family("hearth_watchdog_ready", "gauge", "1 where the function takes requests.");
  out.Sample({}, uint64_t{front_.state() == FunctionState::kReady ? 1u : 0u});
  out.Family("hearth_watchdog_restarts_total", "counter", "Restarts of the function's process.");
  out.Sample({}, restarts_);
  out.Family("hearth_watchdog_log_lines_dropped_total", "counter",
             "Log lines that were not written.");
  out.Sample({}, sink_.dropped());
  out.Family("hearth_watchdog_init_seconds", "gauge", "From the watchdog's start to readiness.");
  if (init_ms_) out.Sample({}, static_cast<double>(*init_ms_) / 1000);
  return out.Take();
}

void App::Changed() {
  if (control_ != nullptr) control_->StatusChanged();
}

void App::OnFunctionReady() {
  const bool first = !init_ms_;
  if (first) {
    init_ms_ = ToMillis(loop_.Now() - started_at_);
    if (!config_.suppress_lock) close(open(kLockFile, O_CREAT | O_WRONLY | O_CLOEXEC, 0660));
  }
  front_.SetState(FunctionState::kReady);
  if (first && announcer_ != nullptr) announcer_->Announce();
  Changed();
}

void App::OnFunctionUnready() {
  if (front_.state() == FunctionState::kReady) front_.SetState(FunctionState::kRestarting);
}

void App::OnFunctionStartFailed(std::string_view reason) { front_.FailWaiting(reason); }

void App::OnFunctionExit(const ExitInfo& exit) {
  last_exit_reason_ = exit.Reason();
  last_exit_time_ = loop_.clock().WallNow();
  if (front_.state() == FunctionState::kRestarting) ++restarts_;
  Changed();
}

void App::OnFunctionFailed(std::string_view reason) {
  failure_ = reason;
  front_.SetState(FunctionState::kFailed, reason);
  Changed();
  // Nobody would ever ask: whoever started the watchdog sees it end.
  if (config_.standalone) loop_.Defer([this] { on_done_(1); });
}

void App::Terminate() {
  if (front_.draining()) return;
  draining_since_ = loop_.Now();
  front_.StartDraining();
  if (!config_.suppress_lock) unlink(kLockFile);
  Changed();
  ConsiderLeaving();
}

void App::LeaveWhenEmpty() {
  out_of_routes_ = true;
  if (!front_.draining()) {
    Terminate();
    return;
  }
  ConsiderLeaving();
}

void App::ConsiderLeaving() {
  if (!front_.draining() || leaving_ || front_.in_flight() > 0) return;
  if (front_.HasUnsent()) {
    loop_.ArmAfter(leave_timer_, kLastLook);
    return;
  }
  const bool nobody_comes = out_of_routes_ || !failure_.empty();
  const MonotonicTime quiet_since = std::max(draining_since_, front_.last_request());
  const MonotonicTime leave_at = quiet_since + (nobody_comes ? kLastLook : config_.drain_quiet);
  if (loop_.Now() < leave_at) {
    loop_.Arm(leave_timer_, leave_at);
    return;
  }
  Leave();
}

void App::Leave() {
  leaving_ = true;
  mode_->Stop([this] { on_done_(0); });
}

}  // namespace hearth::watchdog
