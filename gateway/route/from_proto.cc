#include <algorithm>

#include "gateway/route/route_store.h"
#include "hearth/v1/fleet.pb.h"

namespace hearth::route {
namespace {

Duration Milliseconds(uint64_t ms) {
  constexpr uint64_t kMost = 365ull * 24 * 3600 * 1000;  // longer than that is no limit in practice
  return std::chrono::milliseconds(std::min(ms, kMost));
}

std::vector<FunctionSpec> All(const google::protobuf::RepeatedPtrField<v1::FunctionRoute>& from) {
  std::vector<FunctionSpec> specs;
  specs.reserve(static_cast<size_t>(from.size()));
  for (const v1::FunctionRoute& route : from) specs.push_back(FromProto(route));
  return specs;
}

}  // namespace

FunctionSpec FromProto(const v1::FunctionRoute& route) {
  FunctionSpec spec;
  spec.key = FunctionKey{route.namespace_(), route.name()};
  spec.unavailable_reason = route.unavailable_reason();
  spec.is_default_namespace = route.is_default_namespace();
  for (const v1::RevisionRoute& from : route.revisions()) {
    RevisionSpec revision{from.revision(), from.weight(), {}};
    for (const v1::ReplicaRoute& r : from.replicas()) {
      revision.replicas.push_back({r.replica_id(), r.address(), r.token(), r.capacity()});
    }
    spec.revisions.push_back(std::move(revision));
  }
  const v1::RoutePolicy& policy = route.policy();
  spec.max_total_in_flight = policy.max_total_in_flight();
  spec.policy.timeout = Milliseconds(policy.timeout_ms());
  spec.policy.stream_idle_timeout = Milliseconds(policy.stream_idle_timeout_ms());
  spec.policy.max_duration = Milliseconds(policy.max_duration_ms());
  spec.policy.max_body_bytes = policy.max_body_bytes();
  if (policy.queue_max_requests() != 0) spec.policy.queue.requests = policy.queue_max_requests();
  if (policy.queue_max_bytes() != 0) spec.policy.queue.bytes = policy.queue_max_bytes();
  if (policy.queue_max_wait_ms() != 0) {
    spec.policy.queue_max_wait = Milliseconds(policy.queue_max_wait_ms());
  }
  spec.policy.is_private = policy.private_();
  spec.policy.has_watchdog = policy.has_watchdog();
  return spec;
}

std::shared_ptr<const Table> RouteStore::Reset(const v1::RouteSnapshot& snapshot) {
  return Reset(All(snapshot.functions()));
}

std::shared_ptr<const Table> RouteStore::Apply(const v1::RouteDelta& delta) {
  std::vector<FunctionKey> deletes;
  for (const v1::FunctionRef& ref : delta.deletes()) {
    deletes.push_back(FunctionKey{ref.namespace_(), ref.name()});
  }
  return Apply(All(delta.upserts()), deletes);
}

}  // namespace hearth::route
