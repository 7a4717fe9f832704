#pragma once

#include <absl/status/status.h>

#include <memory>
#include <unordered_map>

#include "core/net/loop.h"

namespace hearth::backend {

// Accepts WebSockets on any path and sends every message back (RFC 6455, frame by frame). One
// loop's thread.
class WebSocketService {
 public:
  explicit WebSocketService(net::Loop& loop);
  ~WebSocketService();
  absl::Status Listen(const net::Address& address);

 private:
  class Connection;
  net::Loop& loop_;
  std::unique_ptr<net::Listener> listener_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
};

}  // namespace hearth::backend
