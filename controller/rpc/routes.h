#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

// Where one function's requests may go, as gateways are told. Plain values, so that what decides on
// routes needs no gRPC; fleet_wire.h turns them into messages.
struct ReplicaTarget {
  ReplicaId id;
  std::string address;
  std::string token;
  uint32_t capacity = 0;  // 0: no limit
  bool operator==(const ReplicaTarget&) const = default;
};

struct RevisionTargets {
  RevisionId revision;
  uint32_t weight = 0;  // of 10,000
  std::vector<ReplicaTarget> replicas;
  bool operator==(const RevisionTargets&) const = default;
};

struct RoutePolicy {
  Duration timeout{};
  Duration stream_idle_timeout{};
  Duration max_duration{};      // 0: none
  uint64_t max_body_bytes = 0;  // 0: unlimited
  uint32_t queue_max_requests = 0;
  uint64_t queue_max_bytes = 0;
  Duration queue_max_wait{};
  bool is_private = false;
  uint32_t max_total_in_flight = 0;  // 0: none
  bool scale_to_zero = false;
  bool has_watchdog = true;
  bool operator==(const RoutePolicy&) const = default;
};

struct FunctionRoutes {
  FunctionKey function;
  std::vector<RevisionTargets> revisions;
  RoutePolicy policy;
  std::string unavailable_reason;
  bool is_default_namespace = false;
  bool operator==(const FunctionRoutes&) const = default;
};

}  // namespace hearth::controller
