#pragma once

#include <memory>
#include <string_view>

#include "core/h2/server_session.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::proxy {

class Worker;

// One client's HTTP/2 connection: each of its requests becomes a ClientConnection of its own, so
// that there is one way of serving a request. Owned by the Worker, which destroys it after Retire.
// Loop's thread.
class Http2Connection final : public h2::SessionOwner {
 public:
  Http2Connection(Worker& worker, std::unique_ptr<net::Stream> stream, ListenerKind kind);

  // `early`: what was read of the connection before it was known to be this.
  void Begin(std::string_view early) { session_.Start(early); }
  void OnDrain() { session_.GoAway(); }
  void CutOff() { session_.CutOff(); }

 private:
  bool HasRoom() override;
  bool OnRequest(h2::FieldBlock* request) override;
  void OnError(h2::FieldBlock* head, std::string_view body) override;
  void OnStream(std::unique_ptr<net::Stream> stream) override;
  void OnRefused(int status, std::string_view reason) override;
  void OnSessionClosed() override;

  Worker& worker_;
  const ListenerKind kind_;
  h2::ServerSession session_;
};

// True where `bytes` begin as a connection that speaks HTTP/2 from the start (RFC 9113 §3.4).
inline bool IsHttp2Preface(std::string_view bytes) {
  return bytes.starts_with("PRI * HTTP/2.0\r\n\r\n");
}

}  // namespace hearth::proxy
