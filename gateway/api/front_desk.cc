#include "gateway/api/front_desk.h"

#include "core/base/absl_compat.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "gateway/auth/function_authenticator.h"
#include "gateway/proxy/platform_error.h"

namespace hearth::gateway {
namespace {

using proxy::LocalResponse;
using proxy::PlatformError;

// Manifests with inline files fit; bundles go another way and have no limit here.
constexpr uint64_t kMaxApiBody = 32ull << 20;

LocalResponse Error(int status, std::string_view reason, std::string message,
                    std::string_view call_id) {
  PlatformError error;
  error.status = status;
  error.reason = reason;
  error.message = std::move(message);
  return proxy::ToResponse(error, call_id);
}

bool ReadOnly(const http::RequestHead& request) {
  return request.method == "GET" || request.method == "HEAD";
}

LocalResponse MethodNotAllowed(const http::RequestHead& request, std::string_view call_id) {
  LocalResponse response =
      Error(405, "method_not_allowed",
            Cat(request.path, " answers GET and HEAD, not ", request.method), call_id);
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

LocalResponse Unauthorized(std::string_view call_id) {
  PlatformError error;
  error.status = 401;
  error.reason = "unauthenticated";
  error.message =
      "invalid credentials: send the platform's user and password (Authorization: Basic), or log "
      "in with `hearth login`";
  error.www_authenticate = auth::kChallenge;
  return proxy::ToResponse(error, call_id);
}

// Logs and bundles are streamed by the controller itself, everything else is JSON.
bool IsStreamed(std::string_view path) {
  return path == "/system/logs" || path.starts_with("/system/bundles/");
}

std::optional<net::Address> ParseOrWarn(const std::string& text, std::string_view what,
                                        const log::Logger& logger) {
  if (text.empty()) return std::nullopt;
  absl::StatusOr<net::Address> address = net::Address::Parse(text);
  if (address.ok()) return *std::move(address);
  logger.Error("the controller's address cannot be used",
               {{"what", what}, {"address", text}, {"error", Message(address.status())}});
  return std::nullopt;
}

}  // namespace

FrontDesk::FrontDesk(const auth::CredentialFile* credentials, std::string version,
                     const log::Logger& logger)
    : credentials_(credentials), version_(std::move(version)), logger_(logger) {}

void FrontDesk::SetController(const std::optional<fleet::ControllerInfo>& controller) {
  std::shared_ptr<Targets> targets;
  if (controller) {
    targets = std::make_shared<Targets>();
    targets->api = ParseOrWarn(controller->api_address, "api_address", logger_);
    targets->stream = ParseOrWarn(controller->stream_address, "stream_address", logger_);
    targets->token = controller->internal_token;
  }
  std::lock_guard lock(mutex_);
  targets_ = std::move(targets);
}

FrontDesk::Answer FrontDesk::Handle(const http::RequestHead& request,
                                    const proxy::RequestContext& context) {
  const std::string_view path = request.path;
  if (context.listener == proxy::ListenerKind::kFunctionsOnly) {
    return Error(404, "not_found",
                 "only functions can be reached from here: /function/NAME[.NAMESPACE]",
                 context.call_id);
  }
  if (path == "/system" || path.starts_with("/system/")) return System(request, context);
  if (path == "/healthz") {
    if (!ReadOnly(request)) return MethodNotAllowed(request, context.call_id);
    return LocalResponse{200, {{"Content-Type", "text/plain; charset=utf-8"}}, "OK"};
  }
  if (path == "/") {
    if (!ReadOnly(request)) return MethodNotAllowed(request, context.call_id);
    return Page(request);
  }
  return Error(404, "not_found",
               Cat("there is nothing at ", path.substr(0, 200),
                   "; functions are at /function/NAME[.NAMESPACE], the management API at "
                   "/system/, health at /healthz"),
               context.call_id);
}

FrontDesk::Answer FrontDesk::System(const http::RequestHead& request,
                                    const proxy::RequestContext& context) {
  if (credentials_ == nullptr) {
    return Error(403, "no_credentials",
                 "the management API is closed, because this gateway has no credentials to check "
                 "callers against; start it with --auth-file",
                 context.call_id);
  }
  const auto authorization = request.headers.Find("Authorization");
  if (!authorization || !credentials_->Accepts(*authorization)) {
    return Unauthorized(context.call_id);
  }
  if (request.path == "/system/v1/top") return Top(request, context);
  return Forward(request, context);
}

// The gateway's own numbers. Summing them up takes a while where there are many functions: that is
// the admin thread's work, not the loops'.
FrontDesk::Answer FrontDesk::Top(const http::RequestHead& request,
                                 const proxy::RequestContext& context) {
  if (!ReadOnly(request)) return MethodNotAllowed(request, context.call_id);
  if (!admin_) {
    return Error(503, "no_admin",
                 "this gateway's numbers are on its admin address, and it has none; start it with "
                 "--admin-listen",
                 context.call_id);
  }
  proxy::ForwardTarget target;
  target.address = *admin_;
  target.head_timeout = std::chrono::seconds(10);
  target.max_body_bytes = kMaxApiBody;
  return target;
}

FrontDesk::Answer FrontDesk::Forward(const http::RequestHead& request,
                                     const proxy::RequestContext& context) {
  std::shared_ptr<const Targets> targets;
  {
    std::lock_guard lock(mutex_);
    targets = targets_;
  }
  const bool streamed = IsStreamed(request.path);
  const std::optional<net::Address> address =
      targets == nullptr ? std::nullopt : (streamed ? targets->stream : targets->api);
  if (!address) {
    PlatformError error;
    error.status = 503;
    error.reason = "no_controller";
    error.message =
        targets == nullptr
            ? "no controller is connected to this gateway; functions go on being served, changes "
              "have to wait until hearth-controller is back"
            : "the controller has given no address for this part of the management API";
    error.retry_after = 1;
    return proxy::ToResponse(error, context.call_id);
  }
  proxy::ForwardTarget target;
  target.address = *address;
  // What a client sends under this name never gets through.
  target.headers.emplace_back("X-Hearth-Internal-Token", targets->token);
  if (streamed) {
    target.head_timeout = std::chrono::minutes(10);
    target.stream_idle_timeout = Duration::zero();  // a quiet function's log is followed for days
  } else {
    target.head_timeout = std::chrono::minutes(5);
    target.max_body_bytes = kMaxApiBody;
  }
  return target;
}

LocalResponse FrontDesk::Page(const http::RequestHead& request) const {
  std::string body = "{\"name\":\"hearth-gateway\",\"version\":";
  AppendJsonString(&body, version_);
  body +=
      ",\"functions\":\"/function/NAME[.NAMESPACE]\",\"management\":\"/system/\","
      "\"health\":\"/healthz\"";
  std::string_view host = request.host;
  if (!host.empty()) {
    body += ",\"example\":";
    AppendJsonString(&body, Cat("curl http://", host, "/function/hello"));
  }
  body += "}\n";
  return {200, {{"Content-Type", "application/json"}}, std::move(body)};
}

}  // namespace hearth::gateway
