#include "watchdog/modes/native.h"

#include <utility>

#include "core/base/duration.h"
#include "core/base/random.h"
#include "core/base/strings.h"
#include "watchdog/modes/native_invocation.h"

namespace hearth::watchdog {
namespace {

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

NativeMode::NativeMode(const Parts& parts)
    : loop_(parts.loop),
      log_(parts.log),
      host_(parts.host),
      config_(parts.config),
      launcher_(parts.launcher),
      api_(parts.loop, *this),
      state_(parts.config.concurrency) {}

NativeMode::~NativeMode() = default;

absl::Status NativeMode::Listen() { return api_.Listen(config_.runtime_api); }

void NativeMode::SetLaunchSpec(LaunchSpec spec) {
  service_ = std::make_unique<Service>(loop_, launcher_, log_, std::move(spec),
                                       config_.init_timeout, *this);
}

void NativeMode::Start() { service_->Start(); }

void NativeMode::Stop(std::function<void()> done) { service_->Stop(std::move(done)); }

std::string NativeMode::IdFor(const Call& call) const {
  return IsUuid(call.id()) && !invocations_.contains(call.id()) ? call.id() : NewUuid();
}

void NativeMode::Handle(Call& call) {
  auto invocation = std::make_unique<Invocation>(*this, call, IdFor(call));
  invocations_.emplace(invocation->id(), invocation.get());
  call.Start(std::move(invocation));
  call.ReadBody();
}

NativeMode::Invocation* NativeMode::Find(std::string_view id) {
  const auto it = invocations_.find(id);
  return it == invocations_.end() ? nullptr : it->second;
}

void NativeMode::Offer(Invocation& invocation) {
  if (const auto poller = state_.Offer(invocation.id())) Deliver(*poller, invocation.id());
}

void NativeMode::Deliver(uint64_t poller, const std::string& id) {
  const Invocation* invocation = Find(id);
  if (invocation == nullptr) return;
  api_.Deliver(poller, invocation->Fields(), invocation->event());
}

std::optional<ApiError> NativeMode::OnNext(uint64_t poller) {
  const RuntimeState::Next next = state_.OnNext(poller);
  if (next.became_ready) {
    service_->MarkReady();
    host_.OnFunctionReady();
  }
  switch (next.kind) {
    case RuntimeState::Next::Kind::kRefuse:
      return next.error;
    case RuntimeState::Next::Kind::kDeliver:
      Deliver(poller, next.id);
      break;
    case RuntimeState::Next::Kind::kPark:
      break;
  }
  return std::nullopt;
}

void NativeMode::OnPollerGone(uint64_t poller) { state_.OnPollerGone(poller); }

std::unique_ptr<ResponseSink> NativeMode::OnResponse(std::string_view id,
                                                     const http::RequestHead& head,
                                                     std::function<void()> resume,
                                                     ApiError* error) {
  const std::string_view mode =
      head.headers.Find("Lambda-Runtime-Function-Response-Mode").value_or("buffered");
  const bool streaming = http::EqualsIgnoreCase(mode, "streaming");
  if (const auto refused = state_.OnResponse(id)) {
    *error = *refused;
    return nullptr;
  }
  service_->MarkUseful();
  Invocation* invocation = Find(id);
  if (!streaming && !http::EqualsIgnoreCase(mode, "buffered")) {
    *error = {400, "InvalidFunctionResponseMode", "Invalid function response mode"};
    state_.Finished(id);
    if (invocation != nullptr) {
      invocation->call().Fail(502, "function", "bad_response",
                              "Runtime.InvalidResponseModeHeader: Lambda-Runtime-Function-Response-"
                              "Mode must be buffered or streaming");
    }
    return nullptr;
  }
  const std::string_view type = head.headers.Find("Content-Type").value_or("");
  if (!streaming) return std::make_unique<Buffered>(*this, std::string(id), type);
  if (invocation != nullptr) invocation->SetResume(std::move(resume));
  const bool prelude = config_.event == EventKind::kHttp &&
                       type == "application/vnd.awslambda.http-integration-response";
  return std::make_unique<Streamed>(*this, std::string(id), type, prelude);
}

std::optional<ApiError> NativeMode::OnError(std::string_view id, std::string_view body,
                                            std::string_view /*content_type*/) {
  if (auto refused = state_.OnError(id)) return refused;
  state_.Finished(id);
  service_->MarkUseful();
  if (Invocation* invocation = Find(id)) invocation->AnswerError(body);
  return std::nullopt;
}

std::optional<ApiError> NativeMode::OnInitError(std::string_view body) {
  if (auto refused = state_.OnInitError()) return refused;
  init_error_ = ErrorSummary(body);
  if (init_error_.empty()) init_error_ = body.substr(0, 1024);
  log_.Platform("init error: " + init_error_);
  if (!service_->ever_ready()) service_->Fail("init error: " + init_error_);
  return std::nullopt;
}

void NativeMode::OnServiceStarted() { state_.ProcessStarted(); }

void NativeMode::OnServiceExit(const ExitInfo& exit) {
  const bool initialised = state_.ready();
  if (service_->ever_ready()) host_.OnFunctionUnready();
  host_.OnFunctionExit(exit);
  const std::vector<std::string> inside = state_.ProcessEnded();
  api_.CloseAll();
  for (const std::string& id : inside) {
    if (Invocation* invocation = Find(id)) invocation->AnswerCrashed(exit);
  }
  if (initialised || !service_->ever_ready()) return;
  const std::string reason =
      init_error_.empty() ? exit.Reason() : "init error: " + std::exchange(init_error_, {});
  for (const std::string& id : state_.TakeQueued()) {
    Invocation* invocation = Find(id);
    if (invocation == nullptr) continue;
    invocation->call().Fail(502, "function", "init_failed",
                            "the function did not start: " + reason);
  }
  host_.OnFunctionStartFailed(reason);
}

void NativeMode::OnServiceFailed(std::string_view reason) { host_.OnFunctionFailed(reason); }

void NativeMode::Expired(Invocation& invocation) {
  const std::string id = invocation.id();
  if (state_.Withdraw(id)) {
    invocation.call().Fail(504, "watchdog", "timeout",
                           "the function did not fetch the request in time");
    // What is inside has its own deadline; a runtime that has nothing to do and does not come back
    // is stuck.
    if (state_.running() == 0 && state_.ready()) {
      log_.Platform("the runtime does not ask for the next request: replaced");
      host_.OnFunctionUnready();
      service_->Replace();
    }
    return;
  }
  const std::string message = "Task timed out after " + FormatDuration(config_.timeout);
  log_.Platform(id + " " + message);
  invocation.call().Fail(504, "watchdog", "timeout", message);
  if (service_->running()) {
    host_.OnFunctionUnready();
    service_->Replace();
  }
}

}  // namespace hearth::watchdog
