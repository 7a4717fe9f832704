#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/reconcile/action.h"
#include "controller/reconcile/status.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/replica.h"

namespace hearth::controller {

// What is wanted of one function, as far as Plan needs it.
struct PlannedFunction {
  FunctionKey key;
  uint64_t generation = 1;
  RevisionId revision;  // of the spec as it is now
  Duration timeout{};   // a request's; what draining waits for
  Duration startup_timeout = std::chrono::seconds(60);
  uint32_t desired = 0;  // by the scaling decision
  std::string desired_reason;
  bool deleted = false;
  std::string conflict;  // why another object of this name is ignored; empty: there is none
};

struct ObservedReplica {
  model::Replica replica;
  bool released = false;  // in no gateway's routes: every live one has acknowledged that
  bool killed = false;    // a kill has been asked for; `changed` says when
  bool suspect = false;   // gateways cannot reach it
  uint32_t in_flight = 0;
};

// The failures of one revision to come up, one counted per attempt.
struct Failures {
  uint32_t count = 0;
  MonotonicTime last{};
  bool recovered = false;  // a replica became ready after the last one
  MonotonicTime recovered_at{};
  std::string reason;
  std::vector<std::string> last_output;
  bool failing() const { return count > 0 && !recovered; }
};

// The next state of the record after a replica failed or became ready. Replicas that were created
// before the last failure belong to the same attempt and do not count again.
void RecordFailure(Failures& f, const model::Replica& replica, std::vector<std::string> last_output,
                   MonotonicTime now);
void RecordReady(Failures& f, MonotonicTime now);

struct Observed {
  std::vector<ObservedReplica> replicas;
  std::optional<RouteSet> routes;  // as published last; unset: unknown or to be sent again
  std::set<RevisionId> proven;     // revisions that have answered once
  RevisionId serving;              // the one that takes traffic; empty: none yet
  std::map<RevisionId, Failures> failures;
  uint32_t start_budget = UINT32_MAX;  // replicas that this host may start now
};

struct PlanConfig {
  Duration first_backoff = std::chrono::seconds(10);  // after the second failure in a row
  Duration max_backoff = std::chrono::minutes(5);
  Duration rollout_patience = std::chrono::seconds(30);  // for the new revision's full number
  Duration no_timeout_grace = std::chrono::minutes(10);  // where requests have no timeout
  Duration stuck_margin = std::chrono::seconds(30);      // past a replica's own deadlines
  Duration busy_retry = std::chrono::milliseconds(100);  // when the start budget is used up
};

struct PlanResult {
  std::vector<Action> actions;
  FunctionStatus status;  // conditions without transition times
  std::optional<Duration> requeue_after;
};

// How long after the last of `count` failures the next attempt waits: none after the first, then
// doubling.
Duration BackoffAfter(uint32_t count, const PlanConfig& config);

// What to do next to bring what is observed to what is wanted. Pure, total and deterministic; run
// again after each change, so an action that failed is simply asked for again.
PlanResult Plan(const PlannedFunction& function, const Observed& observed, MonotonicTime now,
                const PlanConfig& config = {});

}  // namespace hearth::controller
