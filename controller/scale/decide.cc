#include "controller/scale/decide.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using std::chrono::milliseconds;

// A backlog that is gone within this time is not worth another process.
constexpr Duration kShortestHorizon = milliseconds(100);
// How often a waiting backlog is weighed again: its age counts.
constexpr Duration kBacklogRecheck = milliseconds(20);
constexpr Duration kDownRecheck = std::chrono::seconds(1);
constexpr Duration kUnknownRecheck = std::chrono::seconds(5);

uint32_t CeilDiv(double amount, double per_replica) {
  const double quotient = std::ceil(amount / per_replica - 1e-9);
  if (!(quotient > 0)) return 0;
  constexpr double kMost = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::min(quotient, kMost));
}

// Replicas that what is inside (or arrives each second) keeps busy.
uint32_t NeedOfRunning(const ScalePolicy& policy, const LoadWindows& load) {
  const uint32_t by_slots = CeilDiv(load.in_flight, policy.capacity);
  switch (policy.metric) {
    case ScaleMetric::kRequestsPerSecond:
      return std::max(by_slots, CeilDiv(load.completed_per_second, policy.target));
    case ScaleMetric::kConcurrency:
      break;
  }
  return std::max(by_slots, CeilDiv(load.in_flight, policy.target));
}

// Replicas that get what waits and what runs done within the time that starting more would take.
// A backlog that outlives that time in spite of ready replicas counts for more with its age: the
// estimate was too low.
uint32_t NeedOfBacklog(const ScalePolicy& policy, const LoadWindows& load, MonotonicTime now) {
  const double requests = static_cast<double>(load.in_flight) + load.queued;
  const uint32_t one_slot_each = CeilDiv(requests, policy.capacity);
  if (load.service_time <= Duration::zero()) {
    const uint32_t at_once = std::max<uint32_t>(1, policy.start_parallelism);
    return std::min(one_slot_each, std::max(NeedOfRunning(policy, load), at_once));
  }
  const Duration horizon = std::max(2 * policy.boot_time, kShortestHorizon);
  Duration age{};
  if (load.serving_since && now > *load.serving_since) {
    age = std::min(load.oldest_queued, now - *load.serving_since);
  }
  const double urgency = 1.0 + ToSeconds(age) / ToSeconds(horizon);
  const double work = requests * ToSeconds(load.service_time) * urgency;
  return std::min(one_slot_each, CeilDiv(work, policy.capacity * ToSeconds(horizon)));
}

uint32_t Need(const ScalePolicy& policy, const LoadWindows& load, MonotonicTime now) {
  uint32_t need = NeedOfRunning(policy, load);
  if (load.queued > 0) need = std::max({need, NeedOfBacklog(policy, load, now), 1u});
  return need;
}

std::string Describe(const LoadWindows& load) {
  std::string text = Cat(load.in_flight, " in flight, ", load.queued, " waiting");
  if (load.service_time > Duration::zero()) {
    text += Cat(", ", ToMillis(load.service_time), " ms each");
  }
  return text;
}

Duration Until(MonotonicTime when, MonotonicTime now) {
  return std::max<Duration>(when - now, milliseconds(1));
}

}  // namespace

ScalePolicy PolicyOf(const model::FunctionSpec& spec, const HostAbility& host) {
  ScalePolicy policy;
  policy.min = spec.scaling.min;
  policy.max = std::max<uint32_t>({1, spec.scaling.min, spec.scaling.max});
  policy.replicas = spec.replicas;
  policy.capacity = spec.concurrency == 0 ? kUnlimitedCapacity : spec.concurrency;
  if (spec.scaling.metric == "rps") policy.metric = ScaleMetric::kRequestsPerSecond;
  policy.target = policy.metric == ScaleMetric::kRequestsPerSecond ? 50 : policy.capacity;
  if (spec.scaling.target && *spec.scaling.target > 0) policy.target = *spec.scaling.target;
  policy.idle_timeout = spec.scaling.idle_timeout;
  policy.boot_time = host.boot_time;
  policy.start_parallelism = host.start_parallelism;
  return policy;
}

Decision Decide(const ScalePolicy& policy, const LoadWindows& load, MonotonicTime now) {
  Decision d;
  if (policy.replicas && *policy.replicas > 0) {
    d.desired = *policy.replicas;
    d.need = d.desired;
    d.reason = "spec.replicas";
    return d;
  }
  const uint32_t min = policy.replicas ? 0 : policy.min;
  const uint32_t max = std::max(policy.max, min);
  d.need = Need(policy, load, now);
  uint32_t desired = std::clamp(d.need, min, max);
  if (load.queued > 0) d.recheck_after = kBacklogRecheck;

  if (desired >= load.current) {
    d.desired = desired;
    d.reason = d.need >= min ? Describe(load) : "scaling.min";
    if (d.need > max) d.reason += Cat("; scaling.max is ", max);
    if (d.need == 0 && d.desired > min) d.recheck_after = kDownRecheck;
    return d;
  }

  // Everything below takes replicas away.
  const uint32_t held_at_most = std::min(load.current, max);
  if (!load.complete) {
    d.desired = std::max(desired, held_at_most);
    d.reason = "held: not every gateway has reported";
    if (!d.recheck_after) d.recheck_after = kUnknownRecheck;
    return d;
  }
  if (d.need == 0) {
    const bool told_to = policy.replicas && load.quiet_since <= policy.replicas_since;
    const MonotonicTime idle_at = load.quiet_since + policy.idle_timeout;
    if (told_to || now >= idle_at) {
      d.desired = min;
      d.reason = told_to ? "spec.replicas" : "idle for " + FormatDuration(policy.idle_timeout);
      return d;
    }
    desired = std::max(desired, 1u);
    d.recheck_after = Until(idle_at, now);
  }
  // Complete data must cover the whole window before its peak says anything.
  const bool covered = now - load.complete_since >= policy.down_delay;
  const uint32_t floor = covered ? std::min(load.recent_need, held_at_most) : held_at_most;
  d.desired = std::max(desired, floor);
  d.reason = d.desired > desired ? "held: needed a short while ago" : Describe(load);
  if (d.desired > desired) {
    d.recheck_after = std::min(d.recheck_after.value_or(kDownRecheck), kDownRecheck);
  }
  return d;
}

}  // namespace hearth::controller
