#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/reconcile/plan.h"
#include "controller/reconcile/status.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/function.h"
#include "core/model/replica.h"

namespace hearth::controller {

// One replica as the application knows it. Guarded by the application's lock.
struct ReplicaEntry {
  model::Replica replica;
  bool routed = false;  // in the routes as published last
  // From which version of the routes on no gateway knows it; unset: it was never routed.
  std::optional<uint64_t> unrouted_version;
  bool killed = false;
  uint32_t unreachable = 0;  // reports of gateways that could not reach it
  MonotonicTime unreachable_at{};
};

// One function as the application knows it: what is wanted, what is remembered, what is seen.
// Guarded by the application's lock.
struct FunctionEntry {
  model::Function function;
  RevisionId revision;  // of function.spec and its secrets as they are now
  bool deleted = false;

  std::vector<RevisionId> proven;  // oldest first, a bounded number
  RevisionId serving;
  std::optional<model::FunctionSpec> serving_spec;  // where serving is not revision
  std::map<RevisionId, Failures> failures;

  std::map<ReplicaId, ReplicaEntry> replicas;
  std::optional<RouteSet> routes;
  uint32_t desired = 0;
  std::string desired_reason;
  FunctionStatus status;

  MonotonicTime replicas_since{};                      // when spec.replicas was set
  std::optional<MonotonicTime> wanted_since;           // demand without a ready replica
  Duration boot_time = std::chrono::milliseconds(50);  // moving average, asked for → ready

  bool IsProven(const RevisionId& id) const;
  void AddProven(const RevisionId& id);
  bool AnyReady() const;
  bool AnyLive() const;  // ready or on its way
};

}  // namespace hearth::controller
