#include "watchdog/supervise/service.h"

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"

namespace hearth::watchdog {

Duration RestartDelay(uint32_t n) {
  using std::chrono::seconds;
  if (n == 0) return Duration::zero();
  return n > 5 ? seconds(30) : seconds(1u << (n - 1));
}

Service::Service(net::Loop& loop, Launcher& launcher, FunctionLog& log, LaunchSpec spec,
                 Duration init_timeout, ServiceObserver& observer)
    : loop_(loop),
      launcher_(launcher),
      log_(log),
      spec_(std::move(spec)),
      init_timeout_(init_timeout),
      observer_(observer),
      init_timer_([this] { OnInitTimeout(); }),
      restart_timer_([this] { Launch(); }),
      kill_timer_([this] {
        if (process_ != nullptr) process_->KillTree();
      }) {}

Service::~Service() = default;

void Service::Start() { Launch(); }

void Service::Launch() {
  auto process = launcher_.Launch(spec_, this);
  if (!process.ok()) {
    const std::string reason(Message(process.status()));
    log_.Platform(reason);
    if (ever_ready_) {
      loop_.ArmAfter(restart_timer_, RestartDelay(++failures_));
    } else {
      failed_ = true;
      observer_.OnServiceFailed(reason);
    }
    return;
  }
  process_ = std::move(*process);
  stdout_ = std::make_unique<OutputReader>(log_, "stdout", process_->TakeStdout());
  stderr_ = std::make_unique<OutputReader>(log_, "stderr", process_->TakeStderr());
  if (init_timeout_ > Duration::zero()) loop_.ArmAfter(init_timer_, init_timeout_);
  observer_.OnServiceStarted();
}

void Service::MarkReady() {
  ever_ready_ = true;
  init_timer_.Cancel();
}

void Service::OnInitTimeout() {
  std::string reason = "not ready after " + FormatDuration(init_timeout_);
  if (!missing_.empty()) reason += ": " + missing_;
  log_.Platform("the function is " + reason);
  if (!ever_ready_) {
    Fail(reason);
  } else if (process_ != nullptr) {
    process_->KillTree();
  }
}

void Service::Replace() {
  if (process_ == nullptr || replacing_) return;
  replacing_ = true;
  process_->KillTree();
}

void Service::Fail(std::string_view reason) {
  if (failed_ || !failure_.empty()) return;
  failure_ = reason;
  if (process_ != nullptr) process_->KillTree();
}

void Service::Forget() {
  init_timer_.Cancel();
  kill_timer_.Cancel();
  stdout_.reset();
  stderr_.reset();
  process_.reset();
}

void Service::OnExit(const ExitInfo& exit) {
  Forget();
  if (on_stopped_ != nullptr) {
    const auto done = std::exchange(on_stopped_, nullptr);
    done();
    return;
  }
  observer_.OnServiceExit(exit);
  if (!ever_ready_) {
    failed_ = true;
    const std::string reason = failure_.empty() ? exit.Reason() : failure_;
    log_.Platform("the function ended before it was ready: " + reason);
    observer_.OnServiceFailed(reason);
    return;
  }
  const Duration delay =
      std::exchange(replacing_, false) ? Duration::zero() : RestartDelay(failures_++);
  log_.Platform("the function's process ended: " + exit.Reason() +
                (delay > Duration::zero() ? "; started again in " + FormatDuration(delay)
                                          : "; started again"));
  loop_.ArmAfter(restart_timer_, delay);
}

void Service::Stop(std::function<void()> done) {
  restart_timer_.Cancel();
  if (process_ == nullptr) {
    done();
    return;
  }
  on_stopped_ = std::move(done);
  process_->Terminate();
  loop_.ArmAfter(kill_timer_, kStopGrace);
}

}  // namespace hearth::watchdog
