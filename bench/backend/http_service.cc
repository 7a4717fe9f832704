#include "bench/backend/http_service.h"

#include <algorithm>

#include "core/base/strings.h"

namespace hearth::backend {
namespace {

constexpr size_t kBlock = 64 * 1024;

net::HttpServerOptions ServerOptions() {
  net::HttpServerOptions options;
  options.component = "bench-backend";
  options.max_connections = 20'000;
  options.idle_timeout = std::chrono::hours(1);
  return options;
}

uint64_t Number(const net::ServerRequest& request, std::string_view name, uint64_t otherwise) {
  const auto text = request.Query(name);
  return text ? ParseUint(*text).value_or(otherwise) : otherwise;
}

net::Headers Plain(uint64_t length) {
  return {{"Content-Type", "application/octet-stream"}, {"Content-Length", Cat(length)}};
}

}  // namespace

HttpService::HttpService(net::Loop& loop)
    : loop_(loop),
      block_(kBlock, 'x'),
      server_(
          loop, ServerOptions(),
          [this](std::shared_ptr<net::ServerExchange> exchange) { Handle(exchange); },
          [](const net::ServerRequest&) { return net::BodyMode::kStreamed; }) {}

// A timer that owns itself until it has fired.
void HttpService::After(Duration delay, std::function<void()> what) {
  auto timer = std::make_shared<net::Timer>();
  timer->SetCallback([timer, what = std::move(what), &loop = loop_]() mutable {
    what();
    loop.Defer([timer = std::move(timer)] { timer->SetCallback({}); });
  });
  loop_.ArmAfter(*timer, delay);
}

void HttpService::Handle(const Exchange& exchange) {
  const uint64_t ms = Number(exchange->request(), "ms", 0);
  if (ms == 0) return Answer(exchange);
  After(std::chrono::milliseconds(ms), [this, exchange] { Answer(exchange); });
}

void HttpService::Answer(const Exchange& exchange) {
  if (exchange->closed()) return;
  const std::string& path = exchange->request().path;
  if (path.starts_with("/bytes")) return Bytes(exchange);
  if (path.starts_with("/echo")) return Echo(exchange);
  if (path.starts_with("/events")) return Events(exchange);
  return Sink(exchange);
}

void HttpService::Bytes(const Exchange& exchange) {
  auto left = std::make_shared<uint64_t>(Number(exchange->request(), "n", 12));
  exchange->Begin(200, Plain(*left));
  const auto go_on = [this, exchange, left] {
    bool more = true;
    while (*left > 0 && more) {
      const size_t piece = std::min<uint64_t>(*left, block_.size());
      *left -= piece;
      more = exchange->Write(std::string_view(block_).substr(0, piece));
    }
    if (*left == 0) exchange->End();
  };
  exchange->OnDrained(go_on);
  go_on();
}

void HttpService::Sink(const Exchange& exchange) {
  auto size = std::make_shared<uint64_t>(0);
  exchange->ReadBody([size](std::string_view piece) { *size += piece.size(); },
                     [exchange, size](bool complete) {
                       if (complete) exchange->Respond(200, {}, Cat(*size, '\n'));
                     });
}

void HttpService::Echo(const Exchange& exchange) {
  const auto length = exchange->request().content_length;
  exchange->Begin(200, length ? Plain(*length) : net::Headers{});
  exchange->OnDrained([exchange] { exchange->ResumeBody(); });
  exchange->ReadBody(
      [exchange](std::string_view piece) {
        if (!exchange->Write(piece)) exchange->PauseBody();
      },
      [exchange](bool complete) { complete ? exchange->End() : exchange->Abort(); });
}

void HttpService::Events(const Exchange& exchange) {
  const uint64_t hz = std::clamp<uint64_t>(Number(exchange->request(), "hz", 10), 1, 1000);
  if (!exchange->responded()) {
    exchange->Begin(200, {{"Content-Type", "text/event-stream"}});
    exchange->OnDrained([exchange] {});  // held until it is closed
  }
  exchange->Write(Cat("data: ", loop_.clock().Now().time_since_epoch().count(), "\n\n"));
  After(std::chrono::nanoseconds(1'000'000'000 / hz), [this, exchange] {
    if (!exchange->closed()) Events(exchange);
  });
}

}  // namespace hearth::backend
