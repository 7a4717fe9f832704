#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/address.h"
#include "core/net/http_server.h"
#include "core/net/loop.h"

namespace hearth::gateway {

// Whether this gateway should be sent traffic, and what it knows.
struct Readiness {
  bool ready = false;
  std::string reason;  // why not
};

// What the admin server shows; called on its loop's thread.
struct AdminPages {
  std::function<std::string()> metrics;  // Prometheus text
  std::function<Readiness()> readiness;
  std::function<std::string()> functions;  // JSON, see functions_page.h
  std::function<std::string()> top;        // JSON, see top_page.h
};

// Metrics, health and live state for operators, on a port and a thread of their own, so that they
// answer while the data path is overloaded. No credentials: it belongs on a loopback or private
// address, and shows no secrets. Owned by the application; its loop's thread only, once that runs.
class AdminServer {
 public:
  AdminServer(net::Loop& loop, AdminPages pages);
  absl::Status Listen(const net::Address& address);
  net::Address address() const { return server_.address(); }
  std::vector<int> Descriptors() const { return server_.Descriptors(); }
  // Leaves the sockets to a successor; what is under way is answered.
  void StopAccepting() {
    server_.Drain([] {});
  }

 private:
  void Handle(net::ServerExchange& exchange);

  const AdminPages pages_;
  net::HttpServer server_;
};

}  // namespace hearth::gateway
