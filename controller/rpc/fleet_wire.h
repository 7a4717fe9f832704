#pragma once

#include <vector>

#include "controller/rpc/route_hub.h"
#include "controller/rpc/routes.h"
#include "controller/scale/load.h"

namespace hearth::v1 {
class ControllerMessage;
class DemandReport;
class FunctionRoute;
}  // namespace hearth::v1

namespace hearth::controller {

// Values to messages and back. Pure.
void ToWire(const FunctionRoutes& routes, v1::FunctionRoute* out);
void ToWire(const RouteUpdate& update, v1::ControllerMessage* out);
// Entries without a name are left out: a gateway cannot make us keep load of no function.
std::vector<FunctionLoad> FromWire(const v1::DemandReport& report);

}  // namespace hearth::controller
