#include "gateway/proxy/worker.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "core/base/strings.h"
#include "core/tls/certificate_store.h"
#include "gateway/proxy/client_connection.h"
#include "gateway/proxy/http2_connection.h"
#include "gateway/proxy/platform_error.h"

namespace hearth::proxy {

namespace {

bool IsLoopback(std::string_view ip) {
  return ip.starts_with("127.") || ip == "::1" || ip.starts_with("::ffff:127.");
}

// For somebody who speaks HTTP where TLS is expected.
std::string PlainHttpOnTlsPort(std::string_view served_by_line) {
  const PlatformError error{
      .status = 400,
      .reason = tls::kPlainHttp,
      .message =
          "this port speaks HTTPS, and the request came without TLS: use https:// in the "
          "URL, or the gateway's --listen port"};
  http::HeadBuffer text;
  WriteLocal(ToResponse(error, {}), {.served_by_line = served_by_line, .keep_alive = false}, &text);
  return std::string(text.view());
}

}  // namespace

struct Worker::DelayedPump {
  std::shared_ptr<route::FunctionState> state;
  net::Timer timer;
};

Worker::Worker(uint32_t index, net::Loop& loop, const Options& options,
               const Dependencies& dependencies)
    : index_(index),
      loop_(loop),
      options_(options),
      dependencies_(dependencies),
      served_by_line_(Cat("X-Served-By: hearth/", options.version, "\r\n")),
      table_(std::make_shared<const route::Table>()),
      upstreams_(loop, options.upstream_idle_timeout, options.max_idle_upstreams),
      random_(0x9E3779B97F4A7C15ULL * (index + 1) +
              static_cast<uint64_t>(loop.clock().WallNow().time_since_epoch().count())),
      scratch_(std::make_unique<char[]>(kScratch)),
      next_turn_([this] { GiveTurns(); }),
      keep_alive_timeout_(options.keep_alive_timeout) {}

Worker::~Worker() {
  on_drained_ = nullptr;
  listeners_.clear();
  tls_.reset();
  while (!connections_.empty()) {
    ClientConnection* connection = *connections_.begin();
    connections_.erase(connections_.begin());
    delete connection;
  }
  while (!multiplexed_.empty()) {
    Http2Connection* connection = *multiplexed_.begin();
    multiplexed_.erase(multiplexed_.begin());
    delete connection;
  }
}

absl::StatusOr<net::Address> Worker::Listen(const net::Address& address, ListenerKind kind,
                                            const net::ListenOptions& listen,
                                            net::Loop::AcceptCallback on_accept) {
  if (!on_accept) {
    on_accept = [this, kind](std::unique_ptr<net::Stream> stream) {
      Accept(std::move(stream), kind);
    };
  }
  auto listener = loop_.Listen(address, listen, std::move(on_accept));
  if (!listener.ok()) return listener.status();
  const net::Address bound = (*listener)->address();
  listeners_.push_back(*std::move(listener));
  return bound;
}

void Worker::Accept(std::unique_ptr<net::Stream> stream, ListenerKind kind) {
  if (drained_) return;
  if (kind == ListenerKind::kTls) return TlsAcceptor().Accept(std::move(stream));
  // What stays on this machine is not read along: the command line and local tools keep working.
  if (kind == ListenerKind::kRedirect && IsLoopback(stream->peer_ip())) {
    kind = ListenerKind::kPublic;
  }
  Add(std::move(stream), kind, /*is_stream=*/false);
}

void Worker::AcceptExpected(int fd, ListenerKind kind) {
  expected_.fetch_sub(1, std::memory_order_relaxed);
  Accept(loop_.Adopt(fd), kind);
  CheckDrained();
}

tls::Acceptor& Worker::TlsAcceptor() {
  if (tls_ != nullptr) return *tls_;
  tls::AcceptorOptions acceptor;
  acceptor.timeout = options_.tls_handshake_timeout;
  acceptor.plain_http_answer = PlainHttpOnTlsPort(served_by_line_);
  tls_ = std::make_unique<tls::Acceptor>(
      loop_, std::move(acceptor), [this] { return dependencies_.certificates->current(); },
      [this](std::unique_ptr<net::Stream> stream) { ServeTls(std::move(stream)); },
      [this](const tls::HandshakeReport& report) {
        if (!report.ok) return Count(EventKind::kTls, nullptr, report.reason);
        if (dependencies_.exchanges != nullptr) {
          dependencies_.exchanges->OnTlsHandshake(index_, report.resumed);
        }
      });
  tls_->set_on_gone([this] { CheckDrained(); });
  return *tls_;
}

// Even while draining: it was accepted before.
void Worker::ServeTls(std::unique_ptr<net::Stream> stream) {
  if (stream->protocol() == "h2") {
    AcceptHttp2(std::move(stream), ListenerKind::kPublic, {});
  } else {
    Add(std::move(stream), ListenerKind::kPublic, /*is_stream=*/false);
  }
}

// Even while draining: the peer has been told, and what had crossed that is served.
void Worker::AcceptStream(std::unique_ptr<net::Stream> stream, ListenerKind kind) {
  Add(std::move(stream), kind, /*is_stream=*/true);
}

void Worker::Add(std::unique_ptr<net::Stream> stream, ListenerKind kind, bool is_stream) {
  auto connection = std::make_unique<ClientConnection>(*this, std::move(stream), kind, is_stream);
  ClientConnection* raw = connection.release();
  connections_.insert(raw);
  if (!is_stream) CountConnections(1);
  UpdateAccepting();
  raw->Begin();
}

void Worker::AcceptHttp2(std::unique_ptr<net::Stream> stream, ListenerKind kind,
                         std::string_view early) {
  auto connection = std::make_unique<Http2Connection>(*this, std::move(stream), kind);
  Http2Connection* raw = connection.release();
  multiplexed_.insert(raw);
  CountConnections(1);
  raw->Begin(early);
  // Its handshake was under way when draining began.
  if (draining_ && multiplexed_.contains(raw)) raw->OnDrain();
}

void Worker::CountConnections(int change) {
  connection_count_.store(connection_count_.load(std::memory_order_relaxed) +
                              static_cast<uint64_t>(static_cast<int64_t>(change)),
                          std::memory_order_relaxed);
  if (dependencies_.exchanges != nullptr) dependencies_.exchanges->OnConnections(index_, change);
}

void Worker::UpdateAccepting() {
  const bool room = !held_back_ && connections_.size() < options_.max_connections;
  if (room == accepting_) return;
  accepting_ = room;
  for (auto& listener : listeners_) room ? listener->Resume() : listener->Pause();
}

void Worker::Retire(ClientConnection* connection) {
  if (connections_.erase(connection) == 0) return;
  tunnels_.erase(connection);
  if (!connection->is_stream()) CountConnections(-1);
  // Shared only because a task must be copyable; it goes with the task, whether it runs or not.
  loop_.Defer([dead = std::shared_ptr<ClientConnection>(connection)] {});
  UpdateAccepting();
  CheckDrained();
}

void Worker::Retire(Http2Connection* connection) {
  if (multiplexed_.erase(connection) == 0) return;
  CountConnections(-1);
  loop_.Defer([dead = std::shared_ptr<Http2Connection>(connection)] {});
  CheckDrained();
}

void Worker::SetTable(std::shared_ptr<const route::Table> table) {
  table_ = TablePin(std::move(table));
  // Copied, because a connection may go while it is told.
  const std::vector<ClientConnection*> all(tunnels_.begin(), tunnels_.end());
  for (ClientConnection* connection : all) {
    if (tunnels_.contains(connection)) connection->OnRoutesChanged();
  }
}

bool Worker::MaySuggest() {
  if (table_->size() < 500) return true;
  if (loop_.Now() < next_suggestion_) return false;
  next_suggestion_ = loop_.Now() + std::chrono::milliseconds(20);
  return true;
}

void Worker::CountRefusal() {
  if (++refusals_ == kRefusalsATurn && !next_turn_.armed()) loop_.Arm(next_turn_, loop_.Now());
}

void Worker::WaitItsTurn(ClientConnection* connection) {
  if (!connection->linked()) in_line_.PushBack(connection);
}

void Worker::GiveTurns() {
  refusals_ = 0;
  for (uint32_t i = 0; i < kRefusalsATurn; ++i) {
    ClientConnection* const connection = in_line_.PopFront();
    if (connection == nullptr) return;
    connection->TakeTurn();
  }
  if (!in_line_.empty()) loop_.Arm(next_turn_, loop_.Now());
}

void Worker::PumpAfter(std::shared_ptr<route::FunctionState> state, Duration delay) {
  for (DelayedPump& pump : pumps_) {
    if (!pump.timer.armed()) {  // one that has fired is used again
      pump.state = std::move(state);
      loop_.ArmAfter(pump.timer, delay);
      return;
    }
  }
  DelayedPump& pump = pumps_.emplace_back();
  pump.state = std::move(state);
  pump.timer.SetCallback([this, &pump] {
    const auto due = std::exchange(pump.state, nullptr);
    due->Pump(loop_.Now());
  });
  loop_.ArmAfter(pump.timer, delay);
}

std::vector<int> Worker::Descriptors(const net::Address& bound) const {
  std::vector<int> found;
  for (const auto& listener : listeners_) {
    if (listener->fd() >= 0 && listener->address() == bound) found.push_back(listener->fd());
  }
  return found;
}

void Worker::SetHeldBack(bool held_back) {
  held_back_ = held_back;
  UpdateAccepting();
}

void Worker::StopAccepting(bool has_successor) {
  // What waits in a socket's backlog is reset when the last holder closes it.
  const auto listeners = std::exchange(listeners_, {});
  for (const auto& listener : listeners) {
    if (!has_successor) listener->TakeWaiting();
  }
}

void Worker::Drain(const DrainTimes& times, std::function<void()> done) {
  if (!on_drained_) {
    on_drained_ = std::move(done);
  } else if (done) {
    on_drained_ = [first = std::move(on_drained_), second = std::move(done)] {
      first();
      second();
    };
  }
  draining_ = true;
  keep_alive_timeout_ = std::min(keep_alive_timeout_, times.idle);
  const std::vector<ClientConnection*> all(connections_.begin(), connections_.end());
  for (ClientConnection* connection : all) {
    if (connections_.contains(connection)) connection->OnDrain();
  }
  const std::vector<Http2Connection*> multiplexed(multiplexed_.begin(), multiplexed_.end());
  for (Http2Connection* connection : multiplexed) {
    if (multiplexed_.contains(connection)) connection->OnDrain();
  }
  if (tls_ != nullptr) tls_->Drain();
  const MonotonicTime deadline = loop_.Now() + times.grace;
  if (!grace_.armed() || deadline < grace_until_) {
    grace_until_ = deadline;
    grace_.SetCallback([this] { CutOff(); });
    loop_.Arm(grace_, deadline);
  }
  CheckDrained();
}

void Worker::CutOff() {
  const std::vector<ClientConnection*> left(connections_.begin(), connections_.end());
  for (ClientConnection* connection : left) {
    if (connections_.contains(connection)) connection->CutOff();
  }
  const std::vector<Http2Connection*> peers(multiplexed_.begin(), multiplexed_.end());
  for (Http2Connection* connection : peers) {
    if (multiplexed_.contains(connection)) connection->CutOff();
  }
  tls_.reset();
  CheckDrained();
}

void Worker::CheckDrained() {
  if (!draining_ || !connections_.empty() || !multiplexed_.empty() || !on_drained_) return;
  if (tls_ != nullptr && tls_->size() != 0) return;
  if (expected_.load(std::memory_order_relaxed) != 0) return;
  drained_ = true;
  grace_.Cancel();
  upstreams_.CloseAll();
  loop_.Defer(std::exchange(on_drained_, nullptr));
}

std::string_view Worker::Date() {
  if (date_size_ == 0 || loop_.Now() >= date_until_) {
    const WallTime wall = loop_.clock().WallNow();
    const time_t seconds = std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(wall));
    struct tm parts {};
    gmtime_r(&seconds, &parts);
    date_size_ = strftime(date_.data(), date_.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_until_ = loop_.Now() + std::chrono::milliseconds(500);
  }
  return {date_.data(), date_size_};
}

}  // namespace hearth::proxy
