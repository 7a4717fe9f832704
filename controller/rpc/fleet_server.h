#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controller/rpc/fleet_listener.h"
#include "controller/rpc/route_hub.h"
#include "core/log/log.h"

namespace hearth::controller {

// What the controller says about itself first on every stream.
struct ControllerIdentity {
  uint64_t epoch = 0;
  std::string api_address;
  std::string stream_address;
  std::string internal_token;
};

struct FleetServerOptions {
  std::vector<std::string> listen;  // "unix:/path" (made 0600), "127.0.0.1:7070"
  ControllerIdentity identity;
  uint32_t max_streams = 64;  // past it a gateway is turned away and tries again later
};

// The gRPC end of Fleet.Sync: a reader and a writer thread for each stream (the library's callback
// interface stalls idle streams, and streams are few). It decides nothing: routes come from the
// hub, what gateways say goes to the listener.
class FleetServer {
 public:
  FleetServer(FleetServerOptions options, RouteHub* hub, FleetListener* listener,
              log::Logger logger);
  ~FleetServer();  // Stop

  absl::Status Start();
  // Ends every stream and waits for its threads; the listener hears of each gateway's loss.
  void Stop();
  // As listened on, with the port that the kernel chose where 0 was asked for.
  const std::vector<std::string>& addresses() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
