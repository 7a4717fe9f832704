#include "core/net/http_server.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/http_connection.h"

namespace hearth::net {

std::optional<std::string> ServerRequest::Query(std::string_view name) const {
  if (query.empty()) return std::nullopt;
  for (const std::string_view pair : Split(query, '&')) {
    const size_t equals = pair.find('=');
    const auto key = PercentDecode(pair.substr(0, equals), /*plus_is_space=*/true);
    if (!key || *key != name) continue;
    if (equals == std::string_view::npos) return "";
    return PercentDecode(pair.substr(equals + 1), /*plus_is_space=*/true);
  }
  return std::nullopt;
}

// Shared with the loop's deferred tasks, so that a handler may destroy the server.
class HttpServer::Impl final : public ConnectionHost, public std::enable_shared_from_this<Impl> {
 public:
  Impl(Loop& loop, HttpServerOptions options, Handler handler, BodyPolicy policy)
      : loop_(loop),
        options_(std::move(options)),
        handler_(std::move(handler)),
        policy_(std::move(policy)) {}

  absl::Status Listen(const Address& address, const ListenOptions& options) {
    ASSIGN_OR_RETURN(auto listener,
                     loop_.Listen(address, options, [this](std::unique_ptr<Stream> stream) {
                       Serve(std::move(stream));
                     }));
    listeners_.push_back(std::move(listener));
    return absl::OkStatus();
  }

  std::vector<int> Descriptors() const {
    std::vector<int> found;
    for (const auto& listener : listeners_) {
      if (listener->fd() >= 0) found.push_back(listener->fd());
    }
    return found;
  }

  Address address() const { return listeners_.empty() ? Address() : listeners_.front()->address(); }

  void Serve(std::unique_ptr<Stream> stream) {
    auto connection = std::make_unique<ServerConnection>(loop_, options_, *this, std::move(stream));
    ServerConnection* const raw = connection.get();
    connections_.emplace(raw, std::move(connection));
    if (connections_.size() >= options_.max_connections) SetListening(false);
    raw->Start();
  }

  void Drain(std::function<void()> done) {
    draining_ = true;
    on_drained_ = std::move(done);
    // Not destroyed here: this may run inside a listener's callback.
    for (auto& listener : listeners_) listener->Pause();
    loop_.Defer([listeners = std::make_shared<std::vector<std::unique_ptr<Listener>>>(
                     std::move(listeners_))] {});
    listeners_.clear();
    for (ServerConnection* connection : Connections()) connection->CloseIfIdle();
    CheckDrained();
  }

  void Shutdown() {
    on_drained_ = nullptr;
    handler_down_ = true;
    listeners_.clear();
    for (ServerConnection* connection : Connections()) connection->Close();
  }

  size_t connections() const { return connections_.size(); }

  // ConnectionHost
  void OnRequest(std::shared_ptr<ExchangeImpl> exchange) override {
    const auto keep = shared_from_this();
    if (!handler_down_) handler_(std::move(exchange));
  }
  BodyMode ModeOf(const ServerRequest& request) override {
    return policy_ ? policy_(request) : BodyMode::kBuffered;
  }
  bool draining() const override { return draining_; }
  void OnConnectionClosed(ServerConnection* connection) override {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    // Together with what it refers to.
    loop_.Defer([self = shared_from_this(), dead = std::shared_ptr<ServerConnection>(std::move(
                                                found->second))]() mutable { dead.reset(); });
    connections_.erase(found);
    if (connections_.size() < options_.max_connections) SetListening(true);
    CheckDrained();
  }

 private:
  std::vector<ServerConnection*> Connections() const {
    std::vector<ServerConnection*> all;
    all.reserve(connections_.size());
    for (const auto& [raw, owned] : connections_) all.push_back(raw);
    return all;
  }
  void SetListening(bool on) {
    if (std::exchange(listening_, on) == on) return;
    for (auto& listener : listeners_) on ? listener->Resume() : listener->Pause();
  }
  void CheckDrained() {
    if (!draining_ || !connections_.empty() || !on_drained_) return;
    loop_.Defer(std::exchange(on_drained_, nullptr));
  }

  Loop& loop_;
  const HttpServerOptions options_;
  Handler handler_;
  BodyPolicy policy_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<ServerConnection*, std::unique_ptr<ServerConnection>> connections_;
  std::function<void()> on_drained_;
  bool draining_ = false;
  bool listening_ = true;
  bool handler_down_ = false;
};

HttpServer::HttpServer(Loop& loop, HttpServerOptions options, Handler handler, BodyPolicy policy)
    : loop_(loop),
      impl_(std::make_shared<Impl>(loop, std::move(options), std::move(handler),
                                   std::move(policy))) {}

HttpServer::~HttpServer() {
  impl_->Shutdown();
  loop_.Defer([impl = std::move(impl_)]() mutable { impl.reset(); });
}

absl::Status HttpServer::Listen(const Address& address, const ListenOptions& options) {
  return impl_->Listen(address, options);
}
Address HttpServer::address() const { return impl_->address(); }
std::vector<int> HttpServer::Descriptors() const { return impl_->Descriptors(); }
void HttpServer::Serve(std::unique_ptr<Stream> stream) { impl_->Serve(std::move(stream)); }
void HttpServer::Drain(std::function<void()> done) { impl_->Drain(std::move(done)); }
size_t HttpServer::connections() const { return impl_->connections(); }

}  // namespace hearth::net
