#include "controller/host/admin_server.h"

#include <thread>
#include <utility>

#include "core/net/http_server.h"
#include "core/net/loop.h"

namespace hearth::controller {

class AdminServer::Impl {
 public:
  Impl(const Clock& clock, std::function<std::string()> metrics)
      : loop_(net::NewEpollLoop(clock)), metrics_(std::move(metrics)) {}
  ~Impl() { Stop(); }

  absl::Status Start(const net::Address& address) {
    net::HttpServerOptions options;
    options.component = "controller";
    server_ = std::make_unique<net::HttpServer>(
        *loop_, options,
        [this](std::shared_ptr<net::ServerExchange> exchange) { Handle(*exchange); });
    if (absl::Status listening = server_->Listen(address); !listening.ok()) return listening;
    thread_ = std::thread([this] { loop_->Run(); });
    return absl::OkStatus();
  }

  void Stop() {
    if (!thread_.joinable()) return;
    // Connections belong to the loop's thread.
    loop_->Post([this] {
      server_.reset();
      loop_->Stop();
    });
    thread_.join();
  }

  net::Address address() const { return server_->address(); }

 private:
  void Handle(net::ServerExchange& exchange) {
    const std::string& path = exchange.request().path;
    if (path == "/healthz") {
      exchange.Respond(200, {{"Content-Type", "text/plain; charset=utf-8"}}, "OK");
    } else if (path == "/metrics") {
      exchange.Respond(200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                       metrics_());
    } else {
      exchange.RespondError(404, "not_found", "here are /metrics and /healthz");
    }
  }

  std::unique_ptr<net::Loop> loop_;
  const std::function<std::string()> metrics_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

AdminServer::AdminServer(const Clock& clock, std::function<std::string()> metrics)
    : impl_(std::make_unique<Impl>(clock, std::move(metrics))) {}
AdminServer::~AdminServer() = default;
absl::Status AdminServer::Start(const net::Address& address) { return impl_->Start(address); }
void AdminServer::Stop() { impl_->Stop(); }
net::Address AdminServer::address() const { return impl_->address(); }

}  // namespace hearth::controller
