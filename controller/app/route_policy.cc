#include "controller/app/route_policy.h"

namespace hearth::controller {

RoutePolicy RoutePolicyOf(const model::FunctionSpec& spec) {
  RoutePolicy p;
  p.timeout = spec.timeout;
  p.stream_idle_timeout = spec.stream_idle_timeout;
  p.max_duration = spec.max_duration;
  p.max_body_bytes = spec.max_body_bytes;
  p.queue_max_requests = spec.queue.max_requests;
  p.queue_max_bytes = spec.queue.max_bytes;
  p.queue_max_wait = spec.queue.max_wait;
  p.is_private = spec.visibility == model::Visibility::kPrivate;
  p.scale_to_zero = spec.replicas ? *spec.replicas == 0 : spec.scaling.min == 0;
  p.has_watchdog = true;
  return p;
}

}  // namespace hearth::controller
