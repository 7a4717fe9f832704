#include "watchdog/app/control.h"

#include "core/metrics/text.h"
#include "watchdog/wire/secret.h"

namespace hearth::watchdog {
namespace {

constexpr size_t kMaxWatchers = 32;

net::HttpServerOptions Options() {
  net::HttpServerOptions options;
  options.component = "watchdog";
  options.max_body = 64 * 1024;
  options.max_connections = 128;
  return options;
}

}  // namespace

Control::Control(net::Loop& loop, ControlTarget& target, std::string token)
    : target_(target),
      token_(std::move(token)),
      server_(loop, Options(), [this](auto exchange) { Handle(std::move(exchange)); }) {}

void Control::Handle(std::shared_ptr<net::ServerExchange> exchange) {
  const net::ServerRequest& request = exchange->request();
  const std::string& path = request.path;
  const bool get = request.method == "GET";
  if (path == "/_/health" && get) {
    exchange->Respond(200, {{"Content-Type", "text/plain; charset=utf-8"}}, "OK");
  } else if (path == "/metrics" && get) {
    exchange->Respond(200, {{"Content-Type", std::string(metrics::TextWriter::kContentType)}},
                      target_.MetricsText());
  } else if (!token_.empty() && !SameSecret(request.headers.Get("X-Hearth-Token"), token_)) {
    exchange->RespondError(401, "unauthorized", "X-Hearth-Token is missing or wrong");
  } else if (path == "/status" && get) {
    exchange->RespondJson(200, target_.StatusLine() + "\n");
  } else if (path == "/events" && get) {
    Watch(std::move(exchange));
  } else if (path == "/drain" && request.method == "POST") {
    target_.LeaveWhenEmpty();
    exchange->RespondJson(202, "{}\n");
  } else {
    exchange->RespondError(404, "not_found",
                           "GET /status, GET /events, POST /drain, GET /metrics, GET /_/health");
  }
}

void Control::Watch(std::shared_ptr<net::ServerExchange> exchange) {
  if (watchers_.size() >= kMaxWatchers) {
    exchange->RespondError(503, "busy", "too many event streams are open");
    return;
  }
  auto watcher = std::make_shared<Watcher>();
  watcher->exchange = exchange;
  watchers_.push_back(watcher);
  exchange->OnClosed([this, w = watcher.get()] {
    std::erase_if(watchers_, [w](const auto& other) { return other.get() == w; });
  });
  exchange->OnDrained([this, w = watcher.get()] {
    w->full = false;
    if (w->stale) Send(*w);
  });
  exchange->Begin(200, {{"Content-Type", "application/x-ndjson"}});
  Send(*watcher);
}

void Control::Send(Watcher& watcher) {
  watcher.stale = watcher.full;
  if (!watcher.full) watcher.full = !watcher.exchange->Write(target_.StatusLine() + "\n");
}

void Control::StatusChanged() {
  const auto all = watchers_;
  for (const auto& watcher : all) Send(*watcher);
}

}  // namespace hearth::watchdog
