#pragma once

#include <string>
#include <string_view>

#include "bench/load/connection.h"
#include "core/http/parser.h"

namespace hearth::load {

// Sends a WebSocket message and waits for the same one back. The handshake belongs to the first
// call of a connection; its time counts into that call's latency.
class WebSocketEcho final : public Connection {
 public:
  explicit WebSocketEcho(Host& host);

 private:
  void OnConnected() override;
  void OnReuse() override;
  bool OnBytes(std::string_view bytes) override;
  void OnEndOfInput() override { GiveUp(Failure::kReset); }

  bool TakeHandshake();
  bool TakeMessage();

  std::string frame_;     // what is sent: one masked binary message
  std::string expected_;  // what comes back: the same, not masked
  std::string in_;
  http::HeadParser parser_;
  bool open_ = false;
};

}  // namespace hearth::load
