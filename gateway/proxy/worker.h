#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/linked_list.h"
#include "core/base/random.h"
#include "core/http/message.h"
#include "core/http/writer.h"
#include "core/net/loop.h"
#include "core/tls/acceptor.h"
#include "gateway/balance/picker.h"
#include "gateway/proxy/interfaces.h"
#include "gateway/proxy/options.h"
#include "gateway/proxy/splicer.h"
#include "gateway/proxy/table_pin.h"
#include "gateway/proxy/upstream.h"
#include "gateway/route/table.h"

namespace hearth::proxy {

class ClientConnection;
class Http2Connection;

// The data path of one loop: its listeners, client connections, upstream pool and scratch memory.
// Everything but the counters belongs to the loop's thread. Owned by DataPath.
class Worker {
 public:
  Worker(uint32_t index, net::Loop& loop, const Options& options, const Dependencies& dependencies);
  ~Worker();

  absl::StatusOr<net::Address> Listen(const net::Address& address, ListenerKind kind,
                                      const net::ListenOptions& listen,
                                      net::Loop::AcceptCallback on_accept = {});
  void Accept(std::unique_ptr<net::Stream> stream, ListenerKind kind);
  // A connection that another loop has accepted: announced on that loop's thread, so that load()
  // knows of it, then taken over on this one's.
  void Expect() { expected_.fetch_add(1, std::memory_order_relaxed); }
  void AcceptExpected(int fd, ListenerKind kind);
  void SetTable(std::shared_ptr<const route::Table> table);
  std::vector<int> Descriptors(const net::Address& bound) const;
  void SetHeldBack(bool held_back);
  void StopAccepting(bool has_successor);
  void Drain(const DrainTimes& times, std::function<void()> done);

  uint32_t index() const { return index_; }
  net::Loop& loop() { return loop_; }
  const Options& options() const { return options_; }
  const Dependencies& dependencies() const { return dependencies_; }
  const TablePin& table() const { return table_; }
  UpstreamPool& upstreams() { return upstreams_; }
  Splicer& splicer() { return splicer_; }
  balance::Random& random() { return random_; }
  UuidSource& uuids() { return uuids_; }
  bool draining() const { return draining_; }
  std::string_view served_by_line() const { return served_by_line_; }
  // How long a connection may wait for its next request.
  Duration keep_alive_timeout() const { return keep_alive_timeout_; }
  std::string_view Date();  // as HTTP writes it, of this second

  // Memory for the one read or head that is being dealt with right now; never held over a turn.
  std::span<char> scratch() { return {scratch_.get(), kScratch}; }
  http::HeadBuffer& head_scratch() {
    head_scratch_.Clear();
    return head_scratch_;
  }
  std::string& body_scratch() {
    body_scratch_.clear();
    return body_scratch_;
  }
  http::RequestHead& request_scratch() { return request_scratch_; }
  http::ResponseHead& response_scratch() { return response_scratch_; }

  // Whether an unknown name's likely meanings may be looked for: with thousands of functions that
  // takes a good part of a millisecond, and wrong names cost their sender nothing.
  bool MaySuggest();

  // Overload. Refusing costs about what serving costs, so a flood of requests that are refused
  // would keep replicas waiting for the next one. After some refusals in one turn of the loop,
  // connections that begin a request wait in line, a few get theirs each turn, and everything that
  // belongs to requests already accepted happens in between.
  void CountRefusal();
  bool rationing() const { return !in_line_.empty() || refusals_ >= kRefusalsATurn; }
  void WaitItsTurn(ClientConnection* connection);

  // Serves the function's queue again after this time: when a set-aside ends.
  void PumpAfter(std::shared_ptr<route::FunctionState> state, Duration delay);
  // It has become a WebSocket: told when the routes change, until it is retired.
  void AddTunnel(ClientConnection* connection) { tunnels_.insert(connection); }
  // Destroyed at the end of this turn.
  void Retire(ClientConnection* connection);
  void Retire(Http2Connection* connection);

  // A connection that speaks HTTP/2; `early` was read of it already.
  void AcceptHttp2(std::unique_ptr<net::Stream> stream, ListenerKind kind, std::string_view early);
  // One request of such a connection, as a connection that carries only this.
  void AcceptStream(std::unique_ptr<net::Stream> stream, ListenerKind kind);
  bool HasRoom() const { return connections_.size() < options_.max_connections; }
  // Something of the list in events.h has happened; `function` may be null.
  void Count(EventKind kind, const route::Function* function, std::string_view reason) {
    if (dependencies_.exchanges == nullptr) return;
    dependencies_.exchanges->OnEvent(index_, function, kind, reason);
  }
  void CountExchange(int change) {
    exchanges_.store(exchanges_.load(std::memory_order_relaxed) + static_cast<uint64_t>(change),
                     std::memory_order_relaxed);
  }

  // From any thread.
  uint64_t connections() const { return connection_count_.load(std::memory_order_relaxed); }
  // How busy this loop is, to compare it with others: a request in progress counts as much as a few
  // connections, of which most are idle.
  uint64_t load() const {
    return connections() + 3 * exchanges() + expected_.load(std::memory_order_relaxed);
  }
  uint64_t exchanges() const { return exchanges_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kScratch = 256 * 1024;
  static constexpr uint32_t kRefusalsATurn = 16;
  struct DelayedPump;
  void Add(std::unique_ptr<net::Stream> stream, ListenerKind kind, bool is_stream);
  void CountConnections(int change);
  tls::Acceptor& TlsAcceptor();
  void ServeTls(std::unique_ptr<net::Stream> stream);
  void CheckDrained();
  void CutOff();
  void UpdateAccepting();
  void GiveTurns();

  const uint32_t index_;
  net::Loop& loop_;
  const Options& options_;
  const Dependencies& dependencies_;
  const std::string served_by_line_;  // "X-Served-By: …" with CR LF
  TablePin table_;
  UpstreamPool upstreams_;
  Splicer splicer_;
  balance::Random random_;
  UuidSource uuids_;
  std::unique_ptr<char[]> scratch_;
  http::HeadBuffer head_scratch_;
  std::string body_scratch_;
  http::RequestHead request_scratch_;
  http::ResponseHead response_scratch_;
  std::array<char, 32> date_{};
  size_t date_size_ = 0;
  MonotonicTime date_until_{};
  MonotonicTime next_suggestion_{};

  std::vector<std::unique_ptr<net::Listener>> listeners_;
  bool accepting_ = true;
  bool held_back_ = false;
  std::unique_ptr<tls::Acceptor> tls_;                 // made at the first connection that needs it
  std::unordered_set<ClientConnection*> connections_;  // owned
  std::unordered_set<Http2Connection*> multiplexed_;   // owned
  std::unordered_set<ClientConnection*> tunnels_;      // of these, those that are WebSockets
  std::list<DelayedPump> pumps_;
  LinkedList<ClientConnection> in_line_;
  uint32_t refusals_ = 0;  // since the last turn that gave any
  net::Timer next_turn_;
  bool draining_ = false;
  bool drained_ = false;
  Duration keep_alive_timeout_;
  std::function<void()> on_drained_;
  net::Timer grace_;
  MonotonicTime grace_until_{};
  std::atomic<uint32_t> expected_{0};
  std::atomic<uint64_t> connection_count_{0};
  std::atomic<uint64_t> exchanges_{0};
};

}  // namespace hearth::proxy
