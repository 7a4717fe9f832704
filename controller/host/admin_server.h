#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/net/address.h"

namespace hearth::controller {

// /metrics and /healthz, on a loop and thread of their own, so that they answer whatever the rest
// is busy with.
class AdminServer {
 public:
  AdminServer(const Clock& clock, std::function<std::string()> metrics);
  ~AdminServer();  // Stop
  absl::Status Start(const net::Address& address);
  void Stop();
  net::Address address() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
