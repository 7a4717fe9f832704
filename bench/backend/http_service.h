#pragma once

#include <absl/status/status.h>

#include <memory>

#include "core/net/http_server.h"
#include "core/net/loop.h"

namespace hearth::backend {

// The function behind the proxies that are measured. Any path takes ?ms=N: the answer comes so much
// later.
//   /bytes?n=N     N bytes
//   /sink          reads the body and answers with its size
//   /echo          the body as it comes in
//   /events?hz=N   server-sent events for ever, each with this machine's monotonic time in ns
// One loop's thread.
class HttpService {
 public:
  explicit HttpService(net::Loop& loop);
  absl::Status Listen(const net::Address& address) { return server_.Listen(address); }

 private:
  using Exchange = std::shared_ptr<net::ServerExchange>;
  void Handle(const Exchange& exchange);
  void Answer(const Exchange& exchange);
  void Bytes(const Exchange& exchange);
  void Sink(const Exchange& exchange);
  void Echo(const Exchange& exchange);
  void Events(const Exchange& exchange);
  void After(Duration delay, std::function<void()> what);

  net::Loop& loop_;
  std::string block_;
  net::HttpServer server_;
};

}  // namespace hearth::backend
