#include "bench/load/run.h"

#include <sys/timerfd.h>

#include <algorithm>

#include "bench/load/http_call.h"
#include "bench/load/tls_client.h"
#include "bench/load/websocket_echo.h"
#include "core/base/absl_compat.h"

namespace hearth::load {
namespace {

constexpr size_t kBlock = 256 * 1024;
constexpr size_t kMaxBacklog = 1'000'000;  // past it requests fail at once as unfinished
constexpr auto kSweepEvery = std::chrono::milliseconds(10);
constexpr auto kRetryAfter = std::chrono::milliseconds(10);

std::string Pattern() {
  std::string out(kBlock, ' ');
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>('a' + i % 26);
  return out;
}

std::vector<double> Weights(const std::vector<Target>& targets) {
  std::vector<double> out;
  for (const Target& target : targets) out.push_back(target.weight);
  return out;
}

}  // namespace

Run::Run(const Plan& plan, const Clock& clock)
    : plan_(plan),
      clock_(clock),
      loop_(clock),
      recorder_(plan),
      scratch_(kBlock, '\0'),
      body_block_(Pattern()),
      schedule_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      phase_timer_([this] { StepPhase(); }),
      sweep_timer_([this] { Sweep(); }) {}

Run::~Run() { loop_.Forget(schedule_.get(), this); }

absl::Status Run::Execute() {
  if (plan_.tls) {
    auto tls = TlsClient::Make(plan_.server_name, plan_.options.resume);
    if (!tls.ok()) return tls.status();
    tls_ = *std::move(tls);
  }
  if (!schedule_.valid() || !loop_.Register(schedule_.get(), EPOLLIN | EPOLLET, this)) {
    return Internal("no timer could be made: are descriptors left? (ulimit -n)");
  }
  for (uint32_t i = 0; i < plan_.options.connections; ++i) {
    if (plan_.options.websocket) {
      connections_.push_back(std::make_unique<WebSocketEcho>(*this));
    } else {
      connections_.push_back(std::make_unique<HttpCall>(*this));
    }
  }
  retries_.resize(connections_.size());
  begin_ = std::max(clock_.Now(), MonotonicTime(Duration(plan_.options.start_at)));
  loop_.Arm(phase_timer_, begin_);
  loop_.Run();
  connections_.clear();
  if (tls_ != nullptr) recorder_.Handshakes(tls_->handshakes(), tls_->resumed());
  return absl::OkStatus();
}

void Run::StepPhase() {
  switch (phase_) {
    case Phase::kWaiting:
      phase_ = Phase::kWarmup;
      loop_.Arm(phase_timer_, begin_ + plan_.options.warmup);
      if (plan_.options.warmup == Duration::zero()) BeginWindow(begin_);
      return BeginLoad();
    case Phase::kWarmup:
      return BeginWindow(clock_.Now());
    case Phase::kWindow:
      if (open_loop()) StartDue();  // all that is due inside the window
      phase_ = Phase::kGrace;
      recorder_.End(clock_.Now());
      if (plan_.options.cut) return loop_.Stop();
      loop_.ArmAfter(phase_timer_, plan_.options.grace);
      return EndIfQuiet();
    case Phase::kGrace:
      return GiveUpRest();
  }
}

void Run::BeginWindow(MonotonicTime start) {
  phase_ = Phase::kWindow;
  recorder_.Begin(start);
  loop_.Arm(phase_timer_, start + plan_.options.duration);
}

void Run::BeginLoad() {
  loop_.ArmAfter(sweep_timer_, kSweepEvery);
  arrivals_ = std::make_unique<Arrivals>(begin_, plan_.options.rate, plan_.spacing,
                                         plan_.options.seed, Weights(plan_.targets));
  if (!open_loop()) {
    for (const auto& connection : connections_) StartNext(*connection);
    return;
  }
  for (const auto& connection : connections_) idle_.push_back(connection.get());
  StartDue();
}

// Closed loop: the request is due now.
void Run::StartNext(Connection& connection) {
  if (phase_ == Phase::kGrace) return EndIfQuiet();
  ++busy_;
  connection.Start({clock_.Now(), arrivals_->Take()});
}

void Run::OnEvents(uint32_t) { StartDue(); }

void Run::StartDue() {
  while (phase_ != Phase::kGrace && arrivals_->due() <= clock_.Now()) {
    const MonotonicTime due = arrivals_->due();
    const Call call{due, arrivals_->Take()};
    if (!idle_.empty()) {
      Connection* connection = idle_.back();
      idle_.pop_back();
      ++busy_;
      connection->Start(call);
    } else if (backlog_.size() < kMaxBacklog) {
      backlog_.push_back(call);
    } else {
      recorder_.Record(call, {Failure::kUnfinished, 0}, clock_.Now());
    }
  }
  if (phase_ != Phase::kGrace) ArmSchedule();
}

void Run::ArmSchedule() {
  const int64_t ns = arrivals_->due().time_since_epoch().count();
  itimerspec at{};
  at.it_value = {ns / 1'000'000'000, ns % 1'000'000'000};
  ::timerfd_settime(schedule_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

void Run::Finished(Connection& connection, const Call& call, const Outcome& outcome) {
  --busy_;
  recorder_.Record(call, outcome, clock_.Now());
  if (open_loop()) {
    if (backlog_.empty()) {
      idle_.push_back(&connection);
      if (phase_ == Phase::kGrace) EndIfQuiet();
      return;
    }
    const Call next = backlog_.front();
    backlog_.pop_front();
    ++busy_;
    return connection.Start(next);
  }
  if (outcome.failure != Failure::kConnect) return StartNext(connection);
  // Nobody answers there: do not spin.
  const auto index =
      static_cast<size_t>(std::find_if(connections_.begin(), connections_.end(),
                                       [&](const auto& c) { return c.get() == &connection; }) -
                          connections_.begin());
  retries_[index] = std::make_unique<net::Timer>([this, &connection] { StartNext(connection); });
  loop_.ArmAfter(*retries_[index], kRetryAfter);
}

// Requests that have taken too long are given up.
void Run::Sweep() {
  loop_.ArmAfter(sweep_timer_, kSweepEvery);
  const MonotonicTime oldest = clock_.Now() - plan_.options.timeout;
  for (const auto& connection : connections_) {
    if (!connection->idle() && connection->started() < oldest) {
      connection->GiveUp(Failure::kTimeout);
    }
  }
}

void Run::EndIfQuiet() {
  if (phase_ == Phase::kGrace && busy_ == 0 && backlog_.empty()) loop_.Stop();
}

void Run::GiveUpRest() {
  const MonotonicTime now = clock_.Now();
  for (const Call& call : backlog_) recorder_.Record(call, {Failure::kUnfinished, 0}, now);
  backlog_.clear();
  for (const auto& connection : connections_) {
    if (!connection->idle()) connection->GiveUp(Failure::kUnfinished);
  }
  loop_.Stop();
}

std::unique_ptr<net::Stream> Run::Secure(std::unique_ptr<net::Stream> stream) {
  return tls_->Wrap(std::move(stream));
}

}  // namespace hearth::load
