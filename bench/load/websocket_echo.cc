#include "bench/load/websocket_echo.h"

#include <array>

namespace hearth::load {
namespace {

// What RFC 6455 §4.2.2 makes of the key that each handshake sends.
constexpr std::string_view kAccept = "D3mKEKDl+avICV+576AByCBAi+8=";
constexpr std::array<char, 4> kMask = {0x21, 0x43, 0x65, 0x07};

// A header of RFC 6455 §5.2 for a final binary frame.
std::string FrameHeader(size_t size, bool masked) {
  std::string out(1, '\x82');
  const int mask_bit = masked ? 0x80 : 0;
  if (size < 126) {
    out.push_back(static_cast<char>(mask_bit | static_cast<int>(size)));
  } else {
    out.push_back(static_cast<char>(mask_bit | 126));
    out.push_back(static_cast<char>(size >> 8));
    out.push_back(static_cast<char>(size & 0xff));
  }
  return out;
}

}  // namespace

WebSocketEcho::WebSocketEcho(Host& host) : Connection(host) {
  const std::string_view message = host.body_block().substr(0, host.plan().options.body);
  frame_ = FrameHeader(message.size(), true);
  frame_.append(kMask.data(), kMask.size());
  for (size_t i = 0; i < message.size(); ++i) {
    frame_.push_back(static_cast<char>(message[i] ^ kMask[i % kMask.size()]));
  }
  expected_ = FrameHeader(message.size(), false).append(message);
}

void WebSocketEcho::OnConnected() {
  open_ = false;
  in_.clear();
  parser_.Reset();
  Send(target().head, 0);
}

void WebSocketEcho::OnReuse() {
  in_.clear();
  Send(frame_, 0);
}

bool WebSocketEcho::OnBytes(std::string_view bytes) {
  in_.append(bytes);
  return open_ ? TakeMessage() : TakeHandshake();
}

bool WebSocketEcho::TakeHandshake() {
  http::ResponseHead head;
  const http::ParseState state = parser_.ParseResponse(in_, "GET", &head);
  if (state == http::ParseState::kNeedMore) return true;
  if (state == http::ParseState::kError) return false;
  if (head.status != 101) {
    Close();
    Finish({Failure::kNone, head.status});
    return true;
  }
  if (head.headers.Find("Sec-WebSocket-Accept") != kAccept || head.size != in_.size()) return false;
  open_ = true;
  OnReuse();
  return true;
}

bool WebSocketEcho::TakeMessage() {
  if (!std::string_view(expected_).starts_with(in_)) return false;
  if (in_.size() == expected_.size()) Finish({Failure::kNone, 101});
  return true;
}

}  // namespace hearth::load
