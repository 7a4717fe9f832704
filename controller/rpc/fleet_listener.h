#pragma once

#include <string>
#include <vector>

#include "controller/scale/load.h"
#include "core/base/ids.h"

namespace hearth::controller {

// Who hears what gateways say: the application. Called on the streams' reader threads, in order for
// one gateway; must return at once.
class FleetListener {
 public:
  virtual ~FleetListener() = default;
  virtual void OnGatewayConnected(const GatewayId& gateway, const std::string& function_url) = 0;
  virtual void OnGatewayLost(const GatewayId& gateway) = 0;
  // The hub's acknowledged() has moved.
  virtual void OnAcknowledged(const GatewayId& gateway) = 0;
  virtual void OnDemand(const GatewayId& gateway, bool full, std::vector<FunctionLoad> loads) = 0;
  virtual void OnReplicaFailure(const FunctionKey& function, const ReplicaId& replica,
                                const std::string& reason) = 0;
};

}  // namespace hearth::controller
