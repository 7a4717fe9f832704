// After 101: bytes both ways, each direction ended by itself.
#include <algorithm>

#include "gateway/proxy/client_connection.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/heads.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {

void Exchange::BeginTunnel(const http::ResponseHead& head, std::string_view rest) {
  phase_ = Phase::kTunnel;
  response_begun_ = was_tunnel_ = true;
  status_ = head.status;
  first_byte_ = progress_ = worker_.loop().Now();
  frames_ = WebSocketFrames();
  if (websocket_) worker_.AddTunnel(&client_);
  http::HeadBuffer& text = worker_.head_scratch();
  WriteClientHead(
      head, ClientHead{.stamp = stamp_.lines(), .served_by_line = worker_.served_by_line()}, &text);
  if (!client_.Send(text.view())) return;
  if (!rest.empty()) TunnelFromUpstream(rest);
  if (phase_ != Phase::kTunnel) return;
  client_.EnsureTimer(NextDeadline());
  if (worker_.draining()) OnDrain();
  client_.ResumeReading();
}

size_t Exchange::TunnelFromClient(std::string_view bytes) {
  progress_ = worker_.loop().Now();
  bytes_in_ += bytes.size();
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  if (!upstream_->out().Send(upstream_->stream(), {&piece, 1})) upstream_deaf_ = true;
  return bytes.size();
}

void Exchange::TunnelFromUpstream(std::string_view bytes) {
  if (going_away_said_) return;  // the client has been told to leave
  if (websocket_) bytes = bytes.substr(0, frames_.Follow(bytes, going_away_wanted_));
  bytes_out_ += bytes.size();
  if (!bytes.empty() && !client_.Send(bytes)) return;
  if (going_away_wanted_ && frames_.at_boundary()) SayGoingAway();
}

// Puts a close frame between two frames of the function, now or as soon as there is a boundary.
void Exchange::SayGoingAway() {
  going_away_wanted_ = true;
  if (going_away_said_ || frames_.closed() || !frames_.at_boundary()) return;
  going_away_said_ = true;
  // The client may finish what it says and answer the close frame for as long as a request may
  // take.
  tunnel_until_ =
      worker_.loop().Now() + std::max(worker_.options().tunnel_close_timeout, terms_.head_timeout);
  if (client_.Send(kGoingAway)) client_.EnsureTimer(tunnel_until_);
}

void Exchange::OnTunnelEnd(bool from_client) {
  if (from_client) {
    client_ended_ = true;
    if (!upstream_ended_ && upstream_->out().pending() == 0) upstream_->stream().ShutdownWrite();
  } else {
    upstream_ended_ = true;
    if (websocket_) {
      SayGoingAway();
      if (phase_ != Phase::kTunnel) return;
      // Nobody is left to hear what the client still says: it is given time to end, and no more.
      const MonotonicTime soon = worker_.loop().Now() + worker_.options().tunnel_close_timeout;
      if (tunnel_until_ == MonotonicTime{} || soon < tunnel_until_) tunnel_until_ = soon;
      client_.EnsureTimer(tunnel_until_);
    }
    client_.ShutdownAfterFlush();
  }
  CheckTunnelDone();
}

void Exchange::CheckTunnelDone() {
  if (!upstream_ended_ || (!client_ended_ && !going_away_said_ && !upstream_deaf_)) {
    // One side has ended: the other may go on, but not for ever in silence.
    return;
  }
  if (!client_ended_ && !upstream_deaf_ && tunnel_until_ > worker_.loop().Now()) return;
  Finish({});
  client_.OnExchangeDone(ClientConnection::After::kClose);
}

}  // namespace hearth::proxy
