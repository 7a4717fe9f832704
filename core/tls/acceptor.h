#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/loop.h"
#include "core/tls/server_context.h"

namespace hearth::tls {

// A reason of failure: the answer below was given.
inline constexpr std::string_view kPlainHttp = "plain_http";

struct AcceptorOptions {
  Duration timeout = std::chrono::seconds(10);  // accepted → handshake done
  // How long a handshake may take its place while others wait for one.
  Duration crowded_after = std::chrono::seconds(2);
  size_t max_active = 512;         // handshakes under way, some 50 KB each; the next ones wait
  size_t max_connections = 16384;  // with those that wait or are silent; past it they are reset
  int steps_a_turn = 8;  // a step may cost a signature: between turns the others get theirs
  // Sent, in the clear, to whoever speaks HTTP without TLS; then the connection is closed.
  std::string plain_http_answer = {};
};

struct HandshakeReport {
  bool ok = false;
  bool resumed = false;     // ok: by a ticket, without certificates
  std::string_view reason = {};  // not ok: of a closed set
};

// Turns accepted connections into TLS streams: runs their handshakes, so that whoever serves a
// connection sees it only when it speaks. A connection costs nothing but its descriptor until its
// first byte; then it takes one of a bounded number of places; a loop turn does a bounded number of
// steps, because each may cost a signature. One loop's; all on its thread.
class Acceptor {
 public:
  using ContextSource = std::function<std::shared_ptr<const ServerContext>()>;
  using OnStream = std::function<void(std::unique_ptr<net::Stream>)>;
  using OnReport = std::function<void(const HandshakeReport&)>;

  // `context` is asked at each handshake. `on_stream` gets the stream once the handshake is done.
  Acceptor(net::Loop& loop, AcceptorOptions options, ContextSource context, OnStream on_stream,
           OnReport on_report);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void Accept(std::unique_ptr<net::Stream> stream);
  // Those that have not begun may do so for a moment more, in case their first bytes are on the
  // way; the others go on until they are done or late.
  void Drain();
  size_t size() const { return all_.size(); }
  size_t active() const { return active_.size(); }
  // Called after size() has become smaller.
  void set_on_gone(std::function<void()> on_gone) { on_gone_ = std::move(on_gone); }

 private:
  class Pending;
  using Place = std::list<Pending*>::iterator;

  void OnReady(Pending& pending);
  void QueueRun();
  void RunReady();
  void Step(Pending& pending);
  void Begin(Pending& pending);
  void Fail(Pending& pending, std::string_view reason);
  void Remove(Pending& pending);
  void FillPlaces();
  void DropCrowding();

  net::Loop& loop_;
  const AcceptorOptions options_;
  const ContextSource context_;
  const OnStream on_stream_;
  const OnReport on_report_;
  std::function<void()> on_gone_;
  std::list<std::unique_ptr<Pending>> all_;
  std::list<Pending*> active_;   // oldest first
  std::list<Pending*> waiting_;  // have sent something and wait for a place
  std::deque<Pending*> ready_;   // have a step to do; nullptr: gone since
  bool run_queued_ = false;      // RunReady comes at the end of this turn or the next
  net::Timer crowd_;
  std::shared_ptr<Acceptor*> self_ = std::make_shared<Acceptor*>(this);
};

}  // namespace hearth::tls
