#include "watchdog/modes/proxy.h"

#include <algorithm>
#include <utility>

#include "core/base/strings.h"
#include "core/h2/client_stream.h"
#include "core/http/writer.h"
#include "watchdog/modes/proxy_call.h"

namespace hearth::watchdog {
namespace {

// Connections to the server that wait for a request: as many as a peak needs, so that none is made
// and closed for a single request; of these some stay, the others go when the peak is over.
constexpr size_t kMaxIdle = 4096;
constexpr size_t kKeepIdle = 64;
constexpr Duration kTrimAfter = std::chrono::seconds(2);
constexpr Duration kFirstProbe = std::chrono::milliseconds(1);
constexpr Duration kLongestProbeGap = std::chrono::milliseconds(50);
constexpr Duration kProbeTimeout = std::chrono::seconds(5);
constexpr Duration kJudgeTimeout = std::chrono::seconds(2);

std::string ProbeRequest(std::string_view method, std::string_view target, std::string_view host) {
  std::string out;
  http::HeadWriter<std::string>(&out)
      .RequestLine(method, target)
      .Field("Host", host)
      .Field("User-Agent", "hearth-watchdog")
      .Field("Connection", "close")
      .End();
  return out;
}

}  // namespace

ProxyMode::ProxyMode(net::Loop& loop, Launcher& launcher, FunctionLog& log, ModeHost& host,
                     const Config& config, LaunchSpec spec)
    : loop_(loop), log_(log), host_(host), config_(config), probe_timer_([this] { Probe(); }) {
  if (spec.command.empty()) return;
  service_ =
      std::make_unique<Service>(loop, launcher, log, std::move(spec), config.init_timeout, *this);
}

ProxyMode::~ProxyMode() = default;

void ProxyMode::Start() {
  if (service_ != nullptr) {
    service_->Start();
  } else {
    probe_delay_ = kFirstProbe;
    Probe();
  }
}

void ProxyMode::Stop(std::function<void()> done) {
  probe_timer_.Cancel();
  probe_.reset();
  if (service_ != nullptr) {
    service_->Stop(std::move(done));
  } else {
    done();
  }
}

void ProxyMode::Handle(Call& call) {
  auto handler = std::make_unique<ProxyCall>(*this, call);
  ProxyCall* proxy = handler.get();
  call.Start(std::move(handler));
  proxy->Run();
}

void ProxyMode::OnServiceStarted() {
  ready_ = suspect_ = unresponsive_ = false;
  probe_delay_ = kFirstProbe;
  loop_.ArmAfter(probe_timer_, kFirstProbe);
}

void ProxyMode::OnServiceExit(const ExitInfo& exit) {
  const bool was_ready = std::exchange(ready_, false);
  probe_timer_.Cancel();
  probe_.reset();
  if (service_->ever_ready()) host_.OnFunctionUnready();
  host_.OnFunctionExit(exit);
  const std::vector<ProxyCall*> inside(active_.begin(), active_.end());
  for (ProxyCall* call : inside) call->Crashed(exit);
  const std::vector<UpstreamConnection*> idle = std::move(idle_);
  idle_.clear();
  for (UpstreamConnection* connection : idle) connection->Abandon();
  const bool replaced = std::exchange(replacing_, false);
  if (!was_ready && !replaced && service_->ever_ready()) {
    host_.OnFunctionStartFailed(exit.Reason());
  }
}

void ProxyMode::OnServiceFailed(std::string_view reason) { host_.OnFunctionFailed(reason); }

void ProxyMode::Probe() {
  const bool judging = suspect_ && ready_;
  std::string request;
  if (!config_.ready_path.empty()) {
    request = ProbeRequest("GET", config_.ready_path, config_.upstream.host);
  } else if (judging) {
    request = ProbeRequest("OPTIONS", "*", config_.upstream.host);
  }
  probe_ = std::make_unique<ReadinessProbe>(loop_, config_.upstream, std::move(request),
                                            judging ? kJudgeTimeout : kProbeTimeout,
                                            [this](ProbeResult result) { OnProbe(result); });
}

std::string ProxyMode::Missing(ProbeResult result) const {
  if (result == ProbeResult::kRefused) {
    return "its server does not listen on " + config_.upstream.host +
           " (the port is spec.port, and PORT in its environment)";
  }
  const std::string request = "GET " + config_.ready_path + " on " + config_.upstream.host;
  return request +
         (result == ProbeResult::kSilent ? " is not answered" : " is not answered by 2xx");
}

void ProxyMode::OnProbe(ProbeResult result) {
  probe_.reset();
  if (ready_) {
    if (!suspect_) return;
    if (result == ProbeResult::kAnswered || result == ProbeResult::kWell) {
      Answering();
      return;
    }
    unresponsive_ = true;
    Judge();
    return;
  }
  const bool well = result == ProbeResult::kWell ||
                    (result == ProbeResult::kAnswered && config_.ready_path.empty());
  if (!well) {
    if (service_ != nullptr) service_->SetMissing(Missing(result));
    loop_.ArmAfter(probe_timer_, probe_delay_);
    probe_delay_ = std::min<Duration>(probe_delay_ + probe_delay_ / 2, kLongestProbeGap);
    return;
  }
  ready_ = true;
  if (service_ != nullptr) service_->MarkReady();
  host_.OnFunctionReady();
}

void ProxyMode::Answering() {
  suspect_ = unresponsive_ = false;
  if (service_ != nullptr) service_->MarkUseful();
}

// A request timed out: the server may be stuck, or that request was slow. Whoever answers next
// clears it; else it is asked.
void ProxyMode::Suspect() {
  if (service_ == nullptr || !ready_) return;
  suspect_ = true;
  if (probe_ == nullptr && !unresponsive_) Probe();
}

// Nothing is killed with a request inside whose deadline has not passed.
void ProxyMode::Judge() {
  if (!unresponsive_ || !active_.empty() || service_ == nullptr || !service_->running()) return;
  log_.Platform("the function's server does not answer any more: its process is replaced");
  ready_ = suspect_ = unresponsive_ = false;
  replacing_ = true;
  host_.OnFunctionUnready();
  service_->Replace();
}

void ProxyMode::Ended(ProxyCall& call) {
  active_.erase(&call);
  Judge();
}

UpstreamConnection* ProxyMode::TakeIdle() {
  while (!idle_.empty()) {
    UpstreamConnection* connection = idle_.back();
    idle_.pop_back();
    if (connection->Usable()) return connection;
    connection->Abandon();
  }
  return nullptr;
}

UpstreamConnection* ProxyMode::Adopt(std::unique_ptr<net::Stream> stream) {
  if (config_.upstream.h2c) stream = h2::NewClientStream(loop_, std::move(stream));
  auto connection =
      std::make_unique<UpstreamConnection>(loop_, std::move(stream), *this, &buffers_);
  UpstreamConnection* key = connection.get();
  connections_.emplace(key, std::move(connection));
  return key;
}

void ProxyMode::GiveBack(UpstreamConnection* connection) {
  if (connection->reusable() && idle_.size() < kMaxIdle) {
    idle_.push_back(connection);
    if (idle_.size() > kKeepIdle && !trim_timer_.armed()) loop_.ArmAfter(trim_timer_, kTrimAfter);
  } else {
    connection->Abandon();
  }
}

// The least recently used are at the front.
void ProxyMode::TrimIdle() {
  size_t old = 0;
  while (idle_.size() - old > kKeepIdle && loop_.Now() - idle_[old]->idle_since() >= kTrimAfter) {
    ++old;
  }
  const auto end = idle_.begin() + static_cast<std::ptrdiff_t>(old);
  const std::vector<UpstreamConnection*> leaving(idle_.begin(), end);
  idle_.erase(idle_.begin(), end);
  for (UpstreamConnection* connection : leaving) connection->Abandon();
  if (idle_.size() > kKeepIdle) loop_.ArmAfter(trim_timer_, kTrimAfter);
}

void ProxyMode::OnUpstreamClosed(UpstreamConnection& connection) {
  std::erase(idle_, &connection);
  const auto it = connections_.find(&connection);
  if (it == connections_.end()) return;
  dead_.push_back(std::move(it->second));
  connections_.erase(it);
  if (dead_.size() > 1) return;
  loop_.Defer([this] {
    std::vector<std::unique_ptr<UpstreamConnection>> dead;
    dead.swap(dead_);
  });
}

}  // namespace hearth::watchdog
