#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/net/buffer.h"
#include "core/net/loop.h"

namespace hearth::watchdog {

// The function's way to the gateway out of a sandbox without a network: bytes between a TCP port on
// the sandbox's loopback and the gateway's Unix socket, both ways, as they are. Belongs to the
// loop's thread; owned by the App.
class GatewayRelay {
 public:
  GatewayRelay(net::Loop& loop, net::Address gateway);
  ~GatewayRelay();
  absl::Status Listen(const net::Address& address);
  size_t connections() const { return links_.size(); }

 private:
  class Link;
  void Drop(Link* link);

  net::Loop& loop_;
  net::Address gateway_;
  std::unique_ptr<net::Listener> listener_;
  std::unordered_map<Link*, std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Link>> dead_;
};

}  // namespace hearth::watchdog
