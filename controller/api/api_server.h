#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>

#include "controller/api/api.h"
#include "core/log/log.h"

namespace hearth::controller {

struct ApiServerOptions {
  std::string host = "127.0.0.1";  // a literal loopback address: gateways are the way in
  uint16_t port = 0;               // 0: any that is free
  std::string internal_token;      // requests without it are refused
  uint64_t max_body = 32ull << 20;
};

// Puts the Api on HTTP by cpprestsdk. Its worker threads call Handle; every path gets an answer.
class ApiServer {
 public:
  ApiServer(ApiServerOptions options, const Api* api, log::Logger logger);
  ~ApiServer();  // Stop
  absl::Status Start();
  void Stop();
  std::string address() const;  // "127.0.0.1:40123"

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
