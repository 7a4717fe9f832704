#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/net/loop.h"
#include "core/net/timer_wheel.h"
#include "tests/fakes/fake_clock.h"

namespace hearth::fakes {

class MemoryStream;
class MemoryListener;

// A whole network and its loop in one thread's memory, with time that a test moves: everything
// above core/net runs on it unchanged. Peers of the code under test are made on the same loop, by
// Connect or Listen (see TestPeer). Addresses are any text-equal net::Address; nobody listens by
// default.
//
//   FakeClock clock;
//   MemoryLoop loop(clock);
//   … build the server on `loop`, let it Listen …
//   TestPeer client(loop, "127.0.0.1:8080");
//   client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
//   loop.RunUntilIdle();
//   CHECK(client.received().starts_with("HTTP/1.1 200"));
class MemoryLoop final : public net::Loop {
 public:
  explicit MemoryLoop(FakeClock& clock);
  ~MemoryLoop() override;

  // How many bytes each direction of connections made from now on holds before writes block.
  void set_pipe_capacity(size_t bytes) { pipe_capacity_ = bytes; }
  // Where connections made from now on come from.
  void set_peer_ip(std::string ip) { peer_ip_ = std::move(ip); }
  // Two ends of one connection.
  std::pair<std::unique_ptr<net::Stream>, std::unique_ptr<net::Stream>> Pipe();
  // Connects to it neither succeed nor fail: they time out.
  void Blackhole(std::string_view address) { blackholes_.insert(std::string(address)); }
  // Listen on it fails as on a port that is taken.
  void Occupy(std::string_view address) { occupied_.insert(std::string(address)); }

  // Everything that can happen without time passing.
  void RunUntilIdle();
  // Moves time, stopping at each timer on the way; runs until idle at each stop and at the end.
  void Advance(Duration d);
  // How often a connect was tried, by address.
  int connects(std::string_view address) const;
  size_t open_streams() const { return open_streams_; }

  MonotonicTime Now() const override { return clock_.Now(); }
  const Clock& clock() const override { return clock_; }
  absl::StatusOr<std::unique_ptr<net::Listener>> Listen(const net::Address& address,
                                                        const net::ListenOptions& options,
                                                        AcceptCallback on_accept) override;
  std::unique_ptr<net::PendingConnect> Connect(const net::Address& address, Duration timeout,
                                               ConnectCallback on_done) override;
  // A real descriptor has no place here.
  std::unique_ptr<net::Stream> Adopt(int fd) override;
  void Arm(net::Timer& timer, MonotonicTime deadline) override;
  void Post(std::function<void()> task) override;
  void Defer(std::function<void()> task) override { deferred_.push_back(std::move(task)); }
  // Runs until Stop; moves time to the next timer when idle. Returns as well when nothing is left
  // that could ever happen.
  void Run() override;
  void Stop() override { stop_ = true; }

 private:
  friend class MemoryStream;
  friend class MemoryListener;
  class MemoryConnect;

  void Disarm(net::Timer& timer) override;
  bool Turn();  // false: nothing to do
  void Schedule(MemoryStream* stream);

  FakeClock& clock_;
  net::TimerWheel timers_;
  size_t pipe_capacity_ = 64 * 1024;
  std::string peer_ip_ = "127.0.0.1";
  uint16_t next_port_ = 40000;
  size_t open_streams_ = 0;
  std::map<std::string, MemoryListener*> listeners_;
  std::map<std::string, int> connects_;
  std::set<std::string> blackholes_;
  std::set<std::string> occupied_;
  std::deque<MemoryStream*> ready_;  // streams with an edge to report; nullptr: gone since
  std::vector<std::function<void()>> deferred_;
  std::atomic<bool> stop_{false};
  std::mutex posted_mutex_;  // guards posted_
  std::vector<std::function<void()>> posted_;
};

}  // namespace hearth::fakes
