#include "gateway/admin/admin_server.h"

#include "core/base/json_escape.h"
#include "core/base/strings.h"

namespace hearth::gateway {
namespace {

net::HttpServerOptions ServerOptions() {
  net::HttpServerOptions options;
  options.component = "gateway";
  options.max_body = 64 << 10;
  return options;
}

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
// The public address sends it here after it has checked credentials: see FrontDesk.
constexpr std::string_view kTopPath = "/system/v1/top";
constexpr std::string_view kText = "text/plain; charset=utf-8";

}  // namespace

AdminServer::AdminServer(net::Loop& loop, AdminPages pages)
    : pages_(std::move(pages)),
      server_(loop, ServerOptions(),
              [this](const std::shared_ptr<net::ServerExchange>& exchange) { Handle(*exchange); }) {
}

absl::Status AdminServer::Listen(const net::Address& address) { return server_.Listen(address); }

void AdminServer::Handle(net::ServerExchange& exchange) {
  const net::ServerRequest& request = exchange.request();
  if (request.method != "GET" && request.method != "HEAD") {
    exchange.RespondError(405, "method_not_allowed",
                          Cat(request.path, " answers GET, not ", request.method));
    return;
  }
  if (request.path == "/metrics") {
    exchange.Respond(200, {{"Content-Type", std::string(kMetricsType)}}, pages_.metrics());
  } else if (request.path == "/healthz") {
    exchange.Respond(200, {{"Content-Type", std::string(kText)}}, "OK");
  } else if (request.path == "/readyz") {
    const Readiness readiness = pages_.readiness();
    if (readiness.ready) {
      exchange.Respond(200, {{"Content-Type", std::string(kText)}}, "OK");
    } else {
      exchange.RespondError(503, "not_ready", readiness.reason);
    }
  } else if (request.path == "/debug/functions") {
    exchange.RespondJson(200, pages_.functions());
  } else if (request.path == kTopPath) {
    exchange.RespondJson(200, pages_.top());
  } else {
    exchange.RespondError(404, "not_found",
                          "here are /metrics, /healthz, /readyz, /debug/functions and "
                          "/system/v1/top");
  }
}

}  // namespace hearth::gateway
