#include "watchdog/modes/native_invocation.h"

#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/base/base64.h"
#include "core/base/duration.h"
#include "core/base/random.h"
#include "core/base/strings.h"
#include "core/http/trace_context.h"
#include "core/http/writer.h"
#include "watchdog/wire/error_body.h"

namespace hearth::watchdog {
namespace {

// AWS's limit of a buffered response: 6 MiB and 100 bytes.
constexpr size_t kMaxResult = 6291556;
constexpr std::string_view kTooLargeText =
    "Response payload size exceeded maximum allowed payload size (6291556 bytes).";

bool IsWatchdogField(std::string_view name) {
  return http::EqualsIgnoreCase(name, "X-Hearth-Token") || http::IsHopByHop(name);
}

std::string Lines(const Fields& fields) {
  std::string out;
  http::HeadWriter<std::string> w(&out);
  for (const auto& [name, value] : fields) w.Field(name, value);
  return out;
}

// The same trace in AWS's spelling, which is what functions and their libraries look for here.
std::string TraceIdFrom(std::string_view traceparent) {
  const auto context = http::ParseTraceparent(traceparent);
  if (!context) return {};
  return Cat("Root=1-", context->trace().substr(0, 8), "-", context->trace().substr(8),
             ";Parent=", context->span(), ";Sampled=", context->sampled() ? "1" : "0");
}

std::string NewTraceId(WallTime now) {
  char root[16];
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::snprintf(root, sizeof root, "%08llx", static_cast<unsigned long long>(seconds));
  return Cat("Root=1-", root, "-", RandomHex(12), ";Parent=", RandomHex(8), ";Sampled=0");
}

}  // namespace

std::string_view TrailerField(std::string_view trailer, std::string_view name) {
  while (!trailer.empty()) {
    const size_t end = std::min(trailer.find("\r\n"), trailer.size());
    const std::string_view line = trailer.substr(0, end);
    trailer.remove_prefix(std::min(trailer.size(), end + 2));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !http::EqualsIgnoreCase(line.substr(0, colon), name)) {
      continue;
    }
    return Trim(line.substr(colon + 1));
  }
  return {};
}

std::string ErrorSummary(std::string_view error_json) {
  const auto value = nlohmann::json::parse(error_json, nullptr, false);
  if (!value.is_object()) return {};
  const auto text = [&](const char* name) {
    const auto it = value.find(name);
    return it != value.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const std::string type = text("errorType");
  const std::string message = text("errorMessage");
  if (type.empty()) return message;
  return message.empty() ? type : type + ": " + message;
}

NativeMode::Invocation::Invocation(NativeMode& mode, Call& call, std::string id)
    : mode_(mode), call_(call), id_(std::move(id)) {}

NativeMode::Invocation::~Invocation() { mode_.Forget(id_); }

void NativeMode::Invocation::OnBody(std::string_view piece) { body_.append(piece); }

void NativeMode::Invocation::OnBodyEnd(std::string_view) {
  MakeEvent();
  offered_ = true;
  mode_.Offer(*this);
}

void NativeMode::Invocation::MakeEvent() {
  const http::RequestHead& head = call_.head();
  const WallTime now = mode_.loop_.clock().WallNow();
  trace_id_ = head.headers.Find("X-Amzn-Trace-Id").value_or("");
  if (trace_id_.empty()) trace_id_ = TraceIdFrom(head.headers.Find("traceparent").value_or(""));
  if (trace_id_.empty()) trace_id_ = NewTraceId(now);
  if (const auto context = head.headers.Find("X-Amz-Client-Context")) {
    client_context_ = Base64Decode(*context).value_or("");
    if (!http::IsFieldValue(client_context_)) client_context_.clear();
  }
  if (mode_.config_.event == EventKind::kRaw) {
    content_type_ = head.headers.Find("Content-Type").value_or("");
    // What curl says about any body that it is given.
    if (content_type_.empty() || content_type_ == "application/x-www-form-urlencoded") {
      content_type_ = "application/json";
    }
    event_ = std::move(body_);
    return;
  }
  content_type_ = "application/json";
  EventRequest request;
  request.method = head.method;
  request.path = head.path;
  request.query = head.query;
  request.protocol = head.version == http::Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1";
  request.host = head.host;
  const std::string_view forwarded = head.headers.Find("X-Forwarded-For").value_or("");
  request.source_ip =
      forwarded.empty() ? call_.peer_ip() : Trim(forwarded.substr(0, forwarded.find(',')));
  request.request_id = id_;
  request.function = mode_.config_.function;
  request.now = now;
  for (const http::HeaderField& f : head.headers) {
    if (!IsWatchdogField(f.name)) request.headers.emplace_back(f.name, f.value);
  }
  request.body = body_;
  event_ = ToEvent(request);
  body_ = {};
}

std::string NativeMode::Invocation::Fields() const {
  const WallTime now = mode_.loop_.clock().WallNow();
  // Without a limit the runtime is told a day.
  Duration left = std::chrono::hours(24);
  if (call_.deadline()) left = *call_.deadline() - mode_.loop_.Now();
  const int64_t deadline_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>((now + left).time_since_epoch())
          .count();
  std::string out;
  http::HeadWriter<std::string> w(&out);
  w.Field("Content-Type", content_type_)
      .Field("Lambda-Runtime-Aws-Request-Id", id_)
      .Field("Lambda-Runtime-Deadline-Ms", static_cast<uint64_t>(deadline_ms))
      .Field("Lambda-Runtime-Invoked-Function-Arn",
             "arn:aws:lambda:us-east-1:000000000000:function:" + mode_.config_.function)
      .Field("Lambda-Runtime-Trace-Id", trace_id_);
  if (!client_context_.empty()) w.Field("Lambda-Runtime-Client-Context", client_context_);
  return out;
}

void NativeMode::Invocation::OnWritable() {
  if (resume_ != nullptr) resume_();
}

void NativeMode::Invocation::OnCallerGone() {
  if (!offered_ || mode_.state_.Withdraw(id_)) {
    call_.Finish();
  } else if (resume_ != nullptr) {
    resume_();  // what is still coming is dropped
  }
}

void NativeMode::Invocation::OnTimeout() {
  if (!offered_) {
    call_.Fail(408, "watchdog", "slow_request", "the request's body did not arrive in time");
    return;
  }
  mode_.Expired(*this);
}

void NativeMode::Invocation::Answer(std::string_view result, std::string_view content_type) {
  if (mode_.config_.event == EventKind::kRaw) {
    const std::string_view type =
        content_type.empty() ? std::string_view("application/json") : content_type;
    call_.Respond(200, Lines({{"Content-Type", std::string(type)}}), result);
    return;
  }
  const auto answer = FromResult(result, content_type);
  if (!answer.ok()) {
    call_.Fail(502, "function", "bad_response",
               "the function's answer is not usable: " + std::string(Message(answer.status())));
    return;
  }
  call_.Respond(answer->status, Lines(answer->headers), answer->body);
}

void NativeMode::Invocation::AnswerError(std::string_view body) {
  if (call_.begun()) {
    call_.Abort("error");
    return;
  }
  std::string text(body);
  if (text.find("errorCause") != std::string::npos) {
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_object() && value.erase("errorCause") > 0) {
      text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  call_.Respond(500, "Content-Type: application/json\r\nX-Hearth-Error: function;error\r\n", text);
}

void NativeMode::Invocation::AnswerTooLarge() {
  AnswerError(ErrorJson("Function.ResponseSizeTooLarge", kTooLargeText));
}

void NativeMode::Invocation::AnswerCrashed(const ExitInfo& exit) {
  const std::string how = exit.Success() ? std::string("Runtime exited without providing a reason")
                                         : "Runtime exited with error: " + exit.Reason();
  call_.Fail(502, "function", "crashed", "RequestId: " + id_ + " Error: " + how);
}

bool NativeMode::Buffered::OnData(std::string_view piece) {
  if (result_.size() + piece.size() > kMaxResult) {
    too_large_ = true;
    result_ = {};
  }
  if (!too_large_) result_.append(piece);
  return true;
}

std::optional<ApiError> NativeMode::Buffered::OnEnd(std::string_view trailer) {
  mode_.state_.Finished(id_);
  Invocation* invocation = mode_.Find(id_);
  if (too_large_) {
    if (invocation != nullptr) invocation->AnswerTooLarge();
    return ApiError{413, "RequestEntityTooLarge",
                    Cat("Exceeded maximum allowed payload size (", kMaxResult, " bytes).")};
  }
  if (invocation == nullptr) return std::nullopt;
  if (!TrailerField(trailer, "Lambda-Runtime-Function-Error-Type").empty()) {
    const auto body = Base64Decode(TrailerField(trailer, "Lambda-Runtime-Function-Error-Body"));
    invocation->AnswerError(body.value_or("{}"));
  } else {
    invocation->Answer(result_, content_type_);
  }
  return std::nullopt;
}

void NativeMode::Buffered::OnBroken() {
  mode_.state_.Finished(id_);
  if (Invocation* invocation = mode_.Find(id_)) {
    invocation->call().Fail(502, "function", "bad_response",
                            "Runtime.TruncatedResponse: the runtime broke its response off");
  }
}

bool NativeMode::Streamed::Begin(Call& call, const EventAnswer& head) {
  call.Begin(head.status, {}, Lines(head.headers), std::nullopt);
  return !call.caller_gone();
}

void NativeMode::Streamed::Bad(std::string_view why) {
  bad_ = true;
  if (Invocation* invocation = mode_.Find(id_)) {
    invocation->call().Fail(502, "function", "bad_response", why);
  }
}

bool NativeMode::Streamed::OnData(std::string_view piece) {
  Invocation* invocation = mode_.Find(id_);
  if (invocation == nullptr || bad_ || invocation->call().finished()) return true;
  Call& call = invocation->call();
  std::string_view payload = piece;
  if (in_prelude_) {
    const PreludeScanner::State state = prelude_.Feed(piece);
    if (state == PreludeScanner::State::kNeedMore) return true;
    if (state == PreludeScanner::State::kTooLong) {
      Bad("the response stream's prelude has no end");
      return true;
    }
    const auto head = FromPrelude(prelude_.json());
    if (!head.ok()) {
      Bad(Message(head.status()));
      return true;
    }
    in_prelude_ = false;
    Begin(call, *head);
    payload = prelude_.rest();
  } else if (!call.begun()) {
    EventAnswer head;
    head.headers.emplace_back("Content-Type",
                              content_type_.empty() ? "application/octet-stream" : content_type_);
    Begin(call, head);
  }
  return call.Write(payload);
}

std::optional<ApiError> NativeMode::Streamed::OnEnd(std::string_view trailer) {
  mode_.state_.Finished(id_);
  Invocation* invocation = mode_.Find(id_);
  if (invocation == nullptr || bad_) return std::nullopt;
  Call& call = invocation->call();
  if (!TrailerField(trailer, "Lambda-Runtime-Function-Error-Type").empty()) {
    const auto body = Base64Decode(TrailerField(trailer, "Lambda-Runtime-Function-Error-Body"));
    invocation->AnswerError(body.value_or("{}"));
    return std::nullopt;
  }
  if (in_prelude_) {
    Bad("the response stream ended before its prelude did");
    return std::nullopt;
  }
  if (!call.begun()) {
    EventAnswer head;
    head.headers.emplace_back("Content-Type",
                              content_type_.empty() ? "application/octet-stream" : content_type_);
    Begin(call, head);
  }
  call.End();
  return std::nullopt;
}

void NativeMode::Streamed::OnBroken() {
  mode_.state_.Finished(id_);
  if (bad_) return;
  if (Invocation* invocation = mode_.Find(id_)) {
    invocation->call().Fail(502, "function", "bad_response",
                            "Runtime.TruncatedResponse: the runtime broke its response off");
  }
}

}  // namespace hearth::watchdog
