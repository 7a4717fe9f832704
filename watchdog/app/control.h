#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/http_server.h"

namespace hearth::watchdog {

// What the control socket asks of the application.
class ControlTarget {
 public:
  virtual ~ControlTarget() = default;
  virtual std::string StatusLine() const = 0;  // JSON, no end of line
  virtual std::string MetricsText() const = 0;
  virtual void LeaveWhenEmpty() = 0;
};

// The control socket: status, its changes as a stream, drain, metrics. Belongs to the loop's
// thread; owned by the App.
class Control {
 public:
  // `token`: empty, or what callers must show; health and metrics are open to probes and scrapers.
  Control(net::Loop& loop, ControlTarget& target, std::string token);
  absl::Status Listen(const net::Address& address) { return server_.Listen(address); }
  net::Address address() const { return server_.address(); }
  // Tells the streams. Only the newest state counts for a reader that is slow.
  void StatusChanged();

 private:
  struct Watcher {
    std::shared_ptr<net::ServerExchange> exchange;
    bool full = false;   // its buffer is
    bool stale = false;  // something changed meanwhile
  };
  void Handle(std::shared_ptr<net::ServerExchange> exchange);
  void Watch(std::shared_ptr<net::ServerExchange> exchange);
  void Send(Watcher& watcher);

  ControlTarget& target_;
  std::string token_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  net::HttpServer server_;
};

}  // namespace hearth::watchdog
