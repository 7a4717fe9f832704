#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/net/loop.h"

namespace hearth::fakes {

// What a TcpGate does to the bytes that pass it, in each direction alike. Changes count for bytes
// that come from then on.
struct GateRules {
  Duration delay{};           // each piece waits so long
  size_t slice = 0;           // pieces of at most so many bytes, each written on its own; 0: whole
  uint64_t reset_after = 0;   // bytes in one direction, then both sides get a reset; 0: never
  uint64_t stall_after = 0;   // bytes in one direction, then nothing passes any more; 0: never
  bool refuse = false;        // new connections are reset at once
  bool swallow_ends = false;  // a half-close is not passed on
};

// A proxy between a client and a server that makes the network bad on purpose: delay, slicing,
// resets, stalls, half-closes, refused connections. Runs on any loop, so that the same rules serve
// unit tests on memory (delays by the fake clock) and integration tests with real sockets.
class TcpGate {
 public:
  TcpGate(net::Loop& loop, std::string_view listen, std::string_view target);
  ~TcpGate();
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  net::Address address() const;  // what the client connects to
  GateRules& rules() { return rules_; }
  void ResetAll();             // every connection that stands, now
  void FinishTowardsServer();  // half-closes every connection's way to the server
  size_t connections() const;  // that stand
  size_t accepted() const { return accepted_; }

 private:
  class Link;
  void Accept(std::unique_ptr<net::Stream> client);
  void Sweep();

  net::Loop& loop_;
  net::Address target_;
  GateRules rules_;
  size_t accepted_ = 0;
  std::vector<std::unique_ptr<Link>> links_;
  std::unique_ptr<net::Listener> listener_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace hearth::fakes
