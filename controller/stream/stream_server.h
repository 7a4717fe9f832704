#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/log/log.h"
#include "core/net/address.h"

namespace hearth::controller {

class BundleStore;
class LogStore;

struct StreamServerOptions {
  net::Address listen;
  std::string internal_token;  // X-Hearth-Internal-Token of every request
  std::string default_namespace = "default";
  uint32_t max_uploads = 8;  // at once; past it 429
  Duration follow_interval = std::chrono::milliseconds(200);
};

struct StreamServerDeps {
  const Clock* clock = nullptr;
  LogStore* logs = nullptr;
  BundleStore* bundles = nullptr;
  // Whether a function of this name exists: 404 for what does not.
  std::function<bool(const FunctionKey&)> function_exists;
  log::Logger log = log::Logger::Null();
};

// The part of the management API that is streamed, for gateways only: `GET /system/logs` and
// `/system/bundles/…` (docs/reference/api.md). One loop thread of its own; a second one commits
// uploads, because unpacking takes time. Owned by the application; outlived by what it is given.
class StreamServer {
 public:
  StreamServer(StreamServerOptions options, StreamServerDeps deps);
  ~StreamServer();

  absl::Status Start();
  net::Address address() const;
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
