#include "controller/rpc/fleet_wire.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/duration.h"
#include "hearth/v1/fleet.pb.h"

namespace hearth::controller {
namespace {

uint64_t Millis(Duration d) { return static_cast<uint64_t>(std::max<int64_t>(0, ToMillis(d))); }

// What a peer says is bounded before it is calculated with.
constexpr uint64_t kMaxMillis = 365ull * 24 * 3600 * 1000;
Duration FromMillis(uint64_t ms) {
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(ms, kMaxMillis)));
}
Duration FromMillis(double ms) {
  if (!(ms > 0)) return {};
  return Duration(static_cast<int64_t>(std::min(ms, 3.6e6) * 1e6));
}

}  // namespace

void ToWire(const FunctionRoutes& routes, v1::FunctionRoute* out) {
  out->set_namespace_(routes.function.ns);
  out->set_name(routes.function.name);
  for (const auto& revision : routes.revisions) {
    v1::RevisionRoute* r = out->add_revisions();
    r->set_revision(revision.revision.value());
    r->set_weight(revision.weight);
    for (const auto& replica : revision.replicas) {
      v1::ReplicaRoute* target = r->add_replicas();
      target->set_replica_id(replica.id.value());
      target->set_address(replica.address);
      target->set_token(replica.token);
      target->set_capacity(replica.capacity);
    }
  }
  const RoutePolicy& p = routes.policy;
  v1::RoutePolicy* policy = out->mutable_policy();
  policy->set_timeout_ms(Millis(p.timeout));
  policy->set_stream_idle_timeout_ms(Millis(p.stream_idle_timeout));
  policy->set_max_duration_ms(Millis(p.max_duration));
  policy->set_max_body_bytes(p.max_body_bytes);
  policy->set_queue_max_requests(p.queue_max_requests);
  policy->set_queue_max_bytes(p.queue_max_bytes);
  policy->set_queue_max_wait_ms(Millis(p.queue_max_wait));
  policy->set_private_(p.is_private);
  policy->set_max_total_in_flight(p.max_total_in_flight);
  policy->set_scale_to_zero(p.scale_to_zero);
  policy->set_has_watchdog(p.has_watchdog);
  out->set_unavailable_reason(routes.unavailable_reason);
  out->set_is_default_namespace(routes.is_default_namespace);
}

void ToWire(const RouteUpdate& update, v1::ControllerMessage* out) {
  if (update.snapshot) {
    v1::RouteSnapshot* snapshot = out->mutable_snapshot();
    snapshot->set_sequence(update.sequence);
    for (const auto& routes : update.upserts) ToWire(*routes, snapshot->add_functions());
    return;
  }
  v1::RouteDelta* delta = out->mutable_delta();
  delta->set_sequence(update.sequence);
  for (const auto& routes : update.upserts) ToWire(*routes, delta->add_upserts());
  for (const auto& key : update.deletes) {
    v1::FunctionRef* ref = delta->add_deletes();
    ref->set_namespace_(key.ns);
    ref->set_name(key.name);
  }
}

std::vector<FunctionLoad> FromWire(const v1::DemandReport& report) {
  std::vector<FunctionLoad> loads;
  loads.reserve(static_cast<size_t>(report.functions_size()));
  for (const auto& demand : report.functions()) {
    if (demand.name().empty()) continue;
    FunctionLoad load;
    load.function = {demand.namespace_(), demand.name()};
    load.queued = demand.queued();
    load.oldest_queued = FromMillis(uint64_t{demand.oldest_queued_ms()});
    load.in_flight = demand.in_flight();
    load.service_time = FromMillis(demand.service_time_ms());
    load.completed_total = demand.completed_total();
    load.last_activity_ago = FromMillis(demand.last_activity_ms_ago());
    for (const auto& replica : demand.replicas()) {
      load.replicas.push_back({ReplicaId(replica.replica_id()), replica.in_flight()});
    }
    loads.push_back(std::move(load));
  }
  return loads;
}

}  // namespace hearth::controller
