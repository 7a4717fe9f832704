#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/real_clock.h"
#include "core/net/http_server.h"
#include "core/net/loop.h"

namespace hearth {

// An HTTP server on a thread of its own: a replica, or the controller's management API.
class LocalServer {
 public:
  // `handler` runs on the server's thread.
  explicit LocalServer(net::HttpServer::Handler handler);
  ~LocalServer();

  std::string address() const { return address_; }
  void Post(std::function<void()> task) { loop_->Post(std::move(task)); }

 private:
  RealClock clock_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::string address_;
  std::thread thread_;
};

}  // namespace hearth
