#include "watchdog/front/front.h"

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/http/writer.h"
#include "watchdog/wire/error_body.h"
#include "watchdog/wire/secret.h"

namespace hearth::watchdog {
namespace {

// of-watchdog lets a request's head be 1 MB; ours is bounded by what the gateway lets through.
constexpr size_t kMaxConnections = 8192;

std::optional<Duration> RequestedTimeout(const http::RequestHead& head) {
  std::optional<Duration> lowest;
  if (const auto ms = head.headers.Find("X-Hearth-Timeout-Ms")) {
    if (const auto n = ParseUint(*ms); n && *n > 0 && *n < 1'000'000'000) {
      lowest = std::chrono::milliseconds(*n);
    }
  }
  if (const auto text = head.headers.Find("X-Timeout")) {
    if (const auto d = ParseDuration(*text); d.ok() && *d > Duration::zero()) {
      lowest = lowest ? std::min(*lowest, *d) : *d;
    }
  }
  return lowest;
}

}  // namespace

Front::Front(net::Loop& loop, const Config& config, std::function<void()> on_finished)
    : loop_(loop), config_(config), on_finished_(std::move(on_finished)) {
  connection_options_.max_body = config.max_body;
  connection_options_.buffers = &buffers_;
  if (config.read_timeout > Duration::zero()) {
    connection_options_.head_timeout =
        std::min<Duration>(config.read_timeout, std::chrono::seconds(10));
    // A gRPC caller may be silent for as long as a stream may.
    connection_options_.body_timeout =
        config.upstream.h2c ? config.stream_idle_timeout : config.read_timeout;
  }
  last_request_ = loop.Now();
}

Front::~Front() {
  for (auto& [key, call] : calls_) call->SetHandler(nullptr);
  calls_.clear();
}

absl::Status Front::Listen() {
  ASSIGN_OR_RETURN(listener_, loop_.Listen(config_.listen, {}, [this](auto stream) {
    auto connection =
        std::make_unique<ServerConnection>(loop_, std::move(stream), connection_options_, *this);
    ServerConnection* key = connection.get();
    connections_.emplace(key, std::move(connection));
    if (connections_.size() == kMaxConnections) listener_->Pause();
    key->OnReadable();
  }));
  return absl::OkStatus();
}

void Front::Refuse(ServerConnection& c, int status, std::string_view component,
                   std::string_view reason, std::string_view message) {
  metrics_.Count(CallEvent::kRefusal, reason);
  ErrorAnswer answer = MakeError(component, reason, message);
  http::HeadWriter<std::string> w(&answer.fields);
  w.Field("X-Call-Id", CallIdFor(c.head())).Field("X-Duration-Seconds", "0.000000");
  if (draining_) w.Field("X-Hearth-Draining", "1");
  if (draining_) c.CloseAfterResponse();
  metrics_.Record(status, c.head().method, Duration::zero());
  c.Respond(status, answer.fields, answer.body);
}

void Front::RefuseBusy(ServerConnection& c) {
  ++busy_total_;
  metrics_.Count(CallEvent::kRefusal, "busy");
  ErrorAnswer answer =
      MakeError("watchdog", "busy",
                Cat("this replica is full: it takes ", config_.concurrency, " requests at once"));
  http::HeadWriter<std::string> w(&answer.fields);
  w.Field("X-Hearth-Busy", "not-started")
      .Field("X-Call-Id", CallIdFor(c.head()))
      .Field("X-Duration-Seconds", "0.000000");
  if (draining_) w.Field("X-Hearth-Draining", "1");
  metrics_.Record(503, c.head().method, Duration::zero());
  c.Respond(503, answer.fields, answer.body);
}

void Front::RefuseFailed(ServerConnection& c) {
  Refuse(c, 502, "function", "init_failed", "the function did not start: " + failure_);
}

bool Front::Authorized(const http::RequestHead& head) const {
  return config_.token.empty() ||
         SameSecret(head.headers.Find("X-Hearth-Token").value_or(""), config_.token);
}

CallTimes Front::TimesFor(const http::RequestHead& head) const {
  CallTimes times{config_.timeout, config_.stream_idle_timeout, config_.max_duration};
  if (const auto wanted = RequestedTimeout(head)) {
    times.timeout = times.timeout > Duration::zero() ? std::min(times.timeout, *wanted) : *wanted;
  }
  return times;
}

std::string Front::CallIdFor(const http::RequestHead& head) {
  const std::string_view given = head.headers.Find("X-Call-Id").value_or("");
  return given.empty() || given.size() > 256 ? ids_.Next() : std::string(given);
}

void Front::OnRequest(ServerConnection& c) {
  const http::RequestHead& head = c.head();
  if (head.path.starts_with("/_/")) {
    AnswerReserved(c);
    return;
  }
  last_request_ = loop_.Now();
  if (!Authorized(head)) {
    Refuse(c, 401, "watchdog", "unauthorized", "X-Hearth-Token is missing or wrong");
    return;
  }
  const Admission admission = Admit(state_, in_flight(), config_.concurrency);
  if (admission == Admission::kBusy) {
    RefuseBusy(c);
    return;
  }
  if (admission == Admission::kFailed) {
    RefuseFailed(c);
    return;
  }
  if (config_.max_body != 0 && head.body == http::BodyKind::kLength &&
      head.content_length > config_.max_body) {
    Refuse(c, 413, "watchdog", "body_too_large",
           Cat("the request's body has ", head.content_length, " bytes; this function accepts ",
               config_.max_body));
    return;
  }
  auto owned = std::make_unique<Call>(loop_, c, *this, CallIdFor(head), TimesFor(head));
  Call& call = *owned;
  calls_.emplace(&call, std::move(owned));
  if (admission == Admission::kWait) {
    waiting_.push_back(&call);
  } else {
    StartCall(call);
  }
}

void Front::StartCall(Call& call) {
  ++started_total_;
  mode_->Handle(call);
}

void Front::AnswerReserved(ServerConnection& c) {
  const std::string_view path = c.head().path;
  const auto answer = [&](int status, std::string_view text) {
    c.Respond(status, "Content-Type: text/plain; charset=utf-8\r\n", text);
  };
  if (path != "/_/health" && path != "/_/ready") {
    Refuse(c, 404, "watchdog", "not_found",
           "paths below /_/ are the watchdog's; it has no such one");
  } else if (c.head().method != "GET" && c.head().method != "HEAD") {
    Refuse(c, 405, "watchdog", "method_not_allowed", "only GET");
  } else if (draining_ || state_ == FunctionState::kFailed) {
    answer(503, draining_ ? "draining" : "failed");
  } else if (path == "/_/health") {
    answer(200, "OK");
  } else if (state_ != FunctionState::kReady) {
    answer(503, "not ready");
  } else if (config_.concurrency != 0 && in_flight() >= config_.concurrency) {
    answer(429, "all slots are taken");
  } else {
    answer(200, "OK");
  }
}

void Front::FailWaiting(std::string_view reason) {
  std::vector<Call*> calls;
  calls.swap(waiting_);
  for (Call* call : calls) {
    if (call->finished()) continue;
    call->Fail(502, "function", "init_failed", Cat("the function did not start: ", reason));
  }
}

void Front::SetState(FunctionState state, std::string_view reason) {
  state_ = state;
  failure_ = reason;
  if (state == FunctionState::kFailed) FailWaiting(reason);
  if (state != FunctionState::kReady) return;
  std::vector<Call*> calls;
  calls.swap(waiting_);
  for (Call* call : calls) {
    if (call->finished()) continue;
    if (state_ == FunctionState::kReady) {
      StartCall(*call);
    } else {
      waiting_.push_back(call);  // it broke down under one of those before
    }
  }
}

std::string_view Front::OnlyCallId() const {
  if (calls_.size() != 1) return {};
  const Call& call = *calls_.begin()->first;
  return call.started() ? std::string_view(call.id()) : std::string_view();
}

bool Front::HasUnsent() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const auto& entry) { return entry.second->has_unsent(); });
}

void Front::OnCallFinished(Call& call) {
  const auto it = calls_.find(&call);
  if (it == calls_.end()) return;
  // A caller that went away is nginx's 499.
  metrics_.Record(call.status() != 0 ? call.status() : 499, call.method(),
                  loop_.Now() - call.accepted_at());
  std::unique_ptr<Call> owned = std::move(it->second);
  calls_.erase(it);
  std::erase(waiting_, &call);
  last_request_ = loop_.Now();
  Bury(nullptr, std::move(owned));
  on_finished_();
}

void Front::OnConnectionClosed(ServerConnection& connection) {
  const auto it = connections_.find(&connection);
  if (it == connections_.end()) return;
  std::unique_ptr<ServerConnection> owned = std::move(it->second);
  connections_.erase(it);
  if (connections_.size() == kMaxConnections - 1) listener_->Resume();
  Bury(std::move(owned), nullptr);
}

void Front::Bury(std::unique_ptr<ServerConnection> connection, std::unique_ptr<Call> call) {
  if (connection != nullptr) dead_connections_.push_back(std::move(connection));
  if (call != nullptr) dead_calls_.push_back(std::move(call));
  if (burying_) return;
  burying_ = true;
  loop_.Defer([this] {
    burying_ = false;
    std::vector<std::unique_ptr<Call>> calls;
    calls.swap(dead_calls_);
    std::vector<std::unique_ptr<ServerConnection>> connections;
    connections.swap(dead_connections_);
  });
}

void Front::WriteMetrics(metrics::TextWriter* out) const {
  metrics_.Write(out);
  out->Family("http_requests_in_flight", "gauge", "Requests inside now.");
  out->Sample({}, uint64_t{calls_.size()});
  out->Family("hearth_watchdog_requests_started_total", "counter",
              "Requests given to the function.");
  out->Sample({}, started_total_);
  out->Family("hearth_watchdog_requests_busy_total", "counter",
              "Requests refused because every slot was taken.");
  out->Sample({}, busy_total_);
  out->Family("hearth_watchdog_requests_waiting", "gauge",
              "Requests that wait for the function to be ready.");
  out->Sample({}, uint64_t{waiting_.size()});
  out->Family("hearth_watchdog_connections", "gauge", "Open connections of callers.");
  out->Sample({}, uint64_t{connections_.size()});
}

}  // namespace hearth::watchdog
