// Beginning and end of an exchange.
#include "gateway/proxy/exchange.h"

#include <algorithm>
#include <utility>

#include "core/base/strings.h"
#include "core/http/writer.h"
#include "gateway/proxy/client_connection.h"
#include "gateway/proxy/exchange_waiter.h"
#include "gateway/proxy/heads.h"
#include "gateway/proxy/platform_error.h"
#include "gateway/proxy/router.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

using http::BodyKind;

// An answered request's rest up to this size is read, to keep its connection.
constexpr uint64_t kMostDiscarded = 64 * 1024;
constexpr size_t kMostUserAgent = 256;

}  // namespace

Exchange::Exchange(Worker& worker, ClientConnection& client)
    : worker_(worker), client_(client), go_on_([this] { OnUpstreamReadable(); }) {}

Exchange::~Exchange() {
  if (active()) Finish("shutdown");
}

RequestContext Exchange::Context() const {
  return {
      .listener = client_.kind(), .client_ip = client_.client_ip(), .call_id = stamp_.call_id()};
}

void Exchange::Start(const http::RequestHead& head) {
  Reset(head);
  if (client_.kind() == ListenerKind::kRedirect) return RedirectToTls(head);
  const Destination to = Route(head.path);
  switch (to.kind) {
    case Destination::Kind::kFunction:
      return StartFunction(head, to);
    case Destination::Kind::kAsync:
      return Fail({.status = 501,
                   .reason = "async_unavailable",
                   .message = "asynchronous invocation is not available in this version; call "
                              "/function/NAME and wait for the answer",
                   .function = to.name});
    case Destination::Kind::kOther:
      return StartOther(head);
  }
}

void Exchange::Reset(const http::RequestHead& head) {
  const MonotonicTime now = worker_.loop().Now();
  phase_ = Phase::kConnecting;
  worker_.CountExchange(1);
  arrival_ = progress_ = client_progress_ = now;
  slot_taken_ = sent_ = first_byte_ = probe_at_ = tunnel_until_ = MonotonicTime{};
  queued_ = Duration::zero();
  attempts_ = hopeless_ = probes_ = 0;
  bytes_in_ = bytes_out_ = 0;
  status_ = 0;
  attached_ = upstream_deaf_ = upstream_paused_ = cold_ = false;
  response_begun_ = refused_ = upstream_keep_alive_ = was_tunnel_ = websocket_ = false;
  going_away_wanted_ = going_away_said_ = client_ended_ = upstream_ended_ = false;
  replayable_ = true;
  replay_.clear();
  replica_id_.clear();
  forward_address_.clear();
  function_ = nullptr;
  terms_ = Terms{};
  caller_timeout_ms_ = 0;
  traced_ = false;
  wants_timing_ = worker_.options().server_timing == Options::Timing::kAlways;

  method_.assign(head.method);
  path_.assign(head.path);
  user_agent_.clear();
  http10_ = head.version == http::Version::kHttp10;
  keep_alive_ = head.keep_alive && !worker_.draining();
  head_method_ = head.method == "HEAD";
  idempotent_ = IsIdempotent(head.method);
  expects_continue_ = head.expect_continue;
  upgrade_ = head.upgrade;
  body_kind_ = head.body;
  content_length_ = head.content_length;
  body_.Start(head.body, head.content_length);

  std::string_view given_id;
  for (const http::HeaderField& field : head.headers) {
    switch (field.id) {
      case http::FieldId::kXCallId:
        given_id = field.value;
        break;
      case http::FieldId::kUserAgent:
        user_agent_.assign(field.value.substr(0, kMostUserAgent));
        break;
      case http::FieldId::kXHearthTimeoutMs:
        caller_timeout_ms_ = ParseUint(field.value).value_or(0);
        break;
      case http::FieldId::kUpgrade:
        // HTTP/2 inside a tunnel would pass requests that nobody here has looked at.
        if (StartsWithIgnoreCase(field.value, "h2c")) upgrade_ = false;
        websocket_ = upgrade_ && http::EqualsIgnoreCase(field.value, "websocket");
        break;
      case http::FieldId::kXHearthOther:
        if (http::EqualsIgnoreCase(field.name, "x-hearth-timing")) {
          wants_timing_ = worker_.options().server_timing != Options::Timing::kNever;
        }
        break;
      default:
        break;
    }
  }
  stamp_.Begin(given_id, worker_.uuids(), worker_.loop().clock().WallNow());
}

void Exchange::StartFunction(const http::RequestHead& head, const Destination& to) {
  if (worker_.options().tracing) BeginTrace(head);
  table_ = worker_.table();
  function_ = table_->Find(to.name, to.ns);
  if (function_ == nullptr) return FailUnknown(to);

  const route::Policy& policy = function_->policy;
  const Dependencies& dependencies = worker_.dependencies();
  function_->state->OnArrival(worker_.index(), arrival_);
  if (dependencies.exchanges != nullptr) {
    dependencies.exchanges->OnStarted(worker_.index(), *function_);
  }
  if (policy.is_private) {
    AuthDecision decision;
    if (dependencies.authenticator == nullptr) {
      decision.message = "this function is private, and this gateway lets nobody in";
    } else {
      decision = dependencies.authenticator->Authorize(head, *function_, Context());
    }
    if (!decision.allowed) {
      return Fail({.status = decision.status,
                   .reason = decision.status == 403 ? "forbidden" : "unauthorized",
                   .message = decision.message,
                   .function = function_->key.Text(),
                   .www_authenticate = decision.www_authenticate});
    }
  }
  terms_ = Terms{policy.timeout, policy.stream_idle_timeout, policy.max_duration,
                 policy.max_body_bytes, policy.has_watchdog};
  if (caller_timeout_ms_ != 0) {
    const Duration wish =
        std::chrono::milliseconds(std::min<uint64_t>(caller_timeout_ms_, 1u << 31));
    if (terms_.head_timeout == Duration::zero() || wish < terms_.head_timeout) {
      terms_.head_timeout = wish;
    }
  }
  if (RefuseBody(head)) return;
  if (function_->state->QueueIsFull(policy.queue)) return FailQueueFull();
  std::span<const std::pair<std::string, std::string>> replace;
  if (traced_) replace = trace_->fields;
  PrepareHead(head, to.suffix, replace);
  AskForSlot();
}

void Exchange::RedirectToTls(const http::RequestHead& head) {
  std::string_view host = head.host;
  // Without the port; an IPv6 address has colons of its own, in brackets.
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    host = host.substr(0, colon);
  }
  if (host.empty()) {
    return Fail({.status = 400,
                 .reason = "missing_host",
                 .message = "this port leads to HTTPS, and the request names no host to go to"});
  }
  const uint16_t port = worker_.options().redirect_port;
  std::string url = port == 443 ? Cat("https://", host) : Cat("https://", host, ":", port);
  url.append(head.path.starts_with('/') ? head.path : std::string_view("/"));
  if (!head.query.empty()) url.append("?").append(head.query);
  LocalResponse response;
  response.status = 308;
  response.headers.emplace_back("Location", std::move(url));
  AnswerLocally(response);
}

void Exchange::StartOther(const http::RequestHead& head) {
  if (client_.kind() == ListenerKind::kFunctionsOnly || worker_.dependencies().local == nullptr) {
    return Fail({.status = 404,
                 .reason = "not_found",
                 .message = "there is nothing at this path; functions are at /function/NAME"});
  }
  auto answer = worker_.dependencies().local->Handle(head, Context());
  if (auto* local = std::get_if<LocalResponse>(&answer)) return AnswerLocally(*local);
  auto& target = std::get<ForwardTarget>(answer);
  terms_ = Terms{target.head_timeout, target.stream_idle_timeout, Duration::zero(),
                 target.max_body_bytes, false};
  if (RefuseBody(head)) return;
  forward_address_ = target.address.Text();
  PrepareHead(head, head.path, target.headers);
  slot_taken_ = arrival_;
  BeginAttempt();
}

bool Exchange::RefuseBody(const http::RequestHead& head) {
  if (terms_.max_body_bytes == 0 || head.body != BodyKind::kLength) return false;
  if (head.content_length <= terms_.max_body_bytes) return false;
  BodyTooLarge();
  return true;
}

void Exchange::BodyTooLarge() {
  DropUpstream();
  Fail({.status = 413,
        .reason = "body_too_large",
        .message = Cat("the request's body is larger than the ", terms_.max_body_bytes,
                       " bytes that are allowed here"),
        .function = function_ == nullptr ? std::string() : function_->key.Text()});
}

void Exchange::PrepareHead(const http::RequestHead& head, std::string_view path,
                           std::span<const std::pair<std::string, std::string>> replace) {
  head_.Clear();
  WriteUpstreamHead(head,
                    UpstreamHead{.path = path,
                                 .query = head.query,
                                 .stamp = stamp_.lines(),
                                 .client_ip = client_.client_ip(),
                                 .default_host = "localhost",
                                 .encrypted = client_.encrypted(),
                                 .upgrade = upgrade_,
                                 .replace = replace},
                    &head_);
  common_head_ = head_.size();
}

void Exchange::FailUnknown(const Destination& to) {
  std::string name(to.name);
  if (!to.ns.empty()) name.append(".").append(to.ns);
  if (table_->version() == 0) {
    return Fail(
        {.status = 503,
         .reason = "no_routes",
         .message = "this gateway has no routes yet, because it has not reached a controller",
         .function = name,
         .retry_after = 1});
  }
  std::string message = Cat("there is no function \"", name, "\"");
  std::vector<std::string> near;
  if (worker_.MaySuggest()) near = table_->Near(to.name, to.ns);
  for (size_t i = 0; i < near.size(); ++i) {
    message += i == 0 ? "; did you mean " : i + 1 == near.size() ? " or " : ", ";
    message += Cat("\"", near[i], "\"");
  }
  if (!near.empty()) message += "?";
  Fail({.status = 404, .reason = "function_not_found", .message = message, .function = name});
}

void Exchange::Fail(const PlatformError& error) {
  refused_ = true;
  worker_.CountRefusal();
  std::string& body = worker_.body_scratch();
  WriteErrorBody(error, stamp_.call_id(), &body);
  const LocalHead with = BeginLocalAnswer(error.status);
  http::HeadBuffer& text = worker_.head_scratch();
  WriteError(error, body, with, &text);
  EndLocalAnswer(with, text.view(), body.size(), error.reason);
}

void Exchange::AnswerLocally(const LocalResponse& response) {
  refused_ = !response.reason.empty();
  const LocalHead with = BeginLocalAnswer(response.status);
  http::HeadBuffer& text = worker_.head_scratch();
  WriteLocal(response, with, &text);
  EndLocalAnswer(with, text.view(), response.body.size(), response.reason);
}

// Only before a response has begun.
LocalHead Exchange::BeginLocalAnswer(int status) {
  status_ = status;
  response_begun_ = true;
  first_byte_ = worker_.loop().Now();
  DropUpstream();
  slot_.Release();
  const bool rest_is_small =
      body_.done() ||
      (body_kind_ == BodyKind::kLength && content_length_ <= kMostDiscarded && !expects_continue_);
  std::string_view timing;
  if (wants_timing_ && function_ != nullptr) timing = TimingLine();
  return LocalHead{
      .stamp = stamp_.lines(),
      .served_by_line = worker_.served_by_line(),
      .date = worker_.Date(),
      .timing = timing,
      .keep_alive = keep_alive_ && !worker_.draining() && rest_is_small && !client_.eof(),
      .http10 = http10_,
      .head_method = head_method_};
}

void Exchange::EndLocalAnswer(const LocalHead& with, std::string_view text, size_t body_size,
                              std::string_view reason) {
  bytes_out_ = head_method_ ? 0 : body_size;
  if (!client_.Send(text)) return;  // which has abandoned this
  if (with.keep_alive && !body_.done()) {
    Record(reason);
    phase_ = Phase::kDiscarding;
    client_progress_ = worker_.loop().Now();
    client_.EnsureTimer(NextDeadline());
    client_.ResumeReading();
    return;
  }
  Finish(reason);
  client_.OnExchangeDone(with.keep_alive ? ClientConnection::After::kKeepAlive
                         : body_.done()  ? ClientConnection::After::kClose
                                         : ClientConnection::After::kLinger);
}

void Exchange::Abandon(std::string_view reason) {
  if (!active()) return;
  refused_ = false;
  if (upstream_ != nullptr) upstream_->stream().Abort();
  Finish(reason);
}

void Exchange::Finish(std::string_view reason) {
  if (phase_ != Phase::kDiscarding) Record(reason);
  phase_ = Phase::kIdle;
  worker_.CountExchange(-1);
  DropUpstream();
  slot_.Release();
  table_ = TablePin();
  own_function_.reset();
  function_ = nullptr;
  if (replay_.capacity() > 4096) std::string().swap(replay_);
  head_.ReleaseAbove(8192);
}

void Exchange::DropUpstream() {
  if (waiter_ != nullptr) {
    waiter_->Forget();
    function_->state->Cancel(*waiter_);
    waiter_.reset();
  }
  connect_.reset();
  go_on_.Cancel();
  upstream_.reset();
  attached_ = false;
}

void Exchange::Record(std::string_view reason) {
  const MonotonicTime now = worker_.loop().Now();
  const bool was_inside = slot_taken_ != MonotonicTime{};
  if (function_ != nullptr && was_inside) {
    function_->state->OnCompleted(worker_.index(), now, now - slot_taken_);
  }
  ExchangeObserver* observer = worker_.dependencies().exchanges;
  if (observer == nullptr) return;
  ExchangeRecord record;
  record.loop = worker_.index();
  record.function = function_;
  record.status = status_;
  record.method = method_;
  record.path = path_;
  record.call_id = stamp_.call_id();
  record.client_ip = client_.client_ip();
  record.replica_id = replica_id_;
  record.reason = reason;
  record.user_agent = user_agent_;
  record.queued = was_inside ? queued_ : now - arrival_;
  record.first_byte = first_byte_ == MonotonicTime{} ? Duration::zero() : first_byte_ - arrival_;
  record.total = now - arrival_;
  record.inside = was_inside ? now - slot_taken_ : Duration::zero();
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.cold = cold_;
  record.tunnel = was_tunnel_;
  record.attempts = attempts_;
  record.refused = refused_;
  if (traced_) record.trace = trace_.get();
  observer->OnFinished(record);
}

}  // namespace hearth::proxy
