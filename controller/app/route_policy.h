#pragma once

#include "controller/rpc/routes.h"
#include "core/model/function.h"

namespace hearth::controller {

// What of a function's spec its gateways act on. Pure.
RoutePolicy RoutePolicyOf(const model::FunctionSpec& spec);

}  // namespace hearth::controller
