#include "controller/scale/load_tracker.h"

#include <algorithm>

#include "core/base/duration.h"

namespace hearth::controller {

LoadTracker::LoadTracker() : LoadTracker(Options{}) {}
LoadTracker::LoadTracker(Options options) : options_(options) {}

void LoadTracker::GatewayConnected(const GatewayId& gateway, MonotonicTime now) {
  gateways_[gateway] = {};
  lost_.erase(gateway);
  RefreshCompleteness(now);
}

void LoadTracker::GatewayLost(const GatewayId& gateway, MonotonicTime now) {
  if (gateways_.erase(gateway) == 0) return;
  lost_[gateway] = now;
  for (auto& [key, f] : functions_) f.by_gateway.erase(gateway);
  RefreshCompleteness(now);
}

void LoadTracker::RefreshCompleteness(MonotonicTime now) {
  for (auto it = lost_.begin(); it != lost_.end();) {
    const bool forget = now - it->second >= options_.lost_gateway_memory;
    it = forget ? lost_.erase(it) : std::next(it);
  }
  const bool complete =
      !gateways_.empty() && lost_.empty() &&
      std::all_of(gateways_.begin(), gateways_.end(), [](auto& g) { return g.second.reported; });
  if (!complete) {
    complete_since_.reset();
  } else if (!complete_since_) {
    complete_since_ = now;
  }
}

std::vector<FunctionKey> LoadTracker::Report(const GatewayId& gateway, bool full,
                                             const std::vector<FunctionLoad>& loads,
                                             MonotonicTime now) {
  const auto from = gateways_.find(gateway);
  if (from == gateways_.end()) return {};
  std::vector<FunctionKey> changed;
  if (full) {
    from->second.reported = true;
    std::set<FunctionKey> listed;
    for (const auto& load : loads) listed.insert(load.function);
    for (auto& [key, f] : functions_) {
      if (!listed.contains(key) && f.by_gateway.erase(gateway) > 0) changed.push_back(key);
    }
  }
  for (const auto& load : loads) {
    Update(functions_[load.function], gateway, load, now);
    changed.push_back(load.function);
  }
  RefreshCompleteness(now);
  return changed;
}

void LoadTracker::Update(PerFunction& f, const GatewayId& gateway, const FunctionLoad& load,
                         MonotonicTime now) {
  uint64_t& counted = f.invocations.totals[gateway.value()];
  // A smaller total than before is a gateway that began again under the same name.
  const uint64_t ended =
      load.completed_total >= counted ? load.completed_total - counted : load.completed_total;
  counted = load.completed_total;
  f.invocations.sum += ended;
  f.completed += ended;
  if (ended > 0) {
    f.rates.push_back({now, f.completed});
    while (f.rates.size() > 256) f.rates.pop_front();
  }

  const bool inside_before = std::any_of(f.by_gateway.begin(), f.by_gateway.end(),
                                         [](auto& g) { return g.second.in_flight > 0; });
  f.by_gateway[gateway] = load;
  const bool inside = std::any_of(f.by_gateway.begin(), f.by_gateway.end(),
                                  [](auto& g) { return g.second.in_flight > 0; });
  if (!inside) {
    f.stalled_since.reset();
  } else if (!inside_before || ended > 0) {
    f.stalled_since = now;
  }

  const bool busy = load.in_flight > 0 || load.queued > 0;
  const MonotonicTime active = busy ? now : now - std::max(load.last_activity_ago, Duration{});
  if (!f.last_activity || active > *f.last_activity) f.last_activity = active;
}

void LoadTracker::Touch(const FunctionKey& function, MonotonicTime now) {
  functions_[function].last_activity = now;
}

void LoadTracker::SetServing(const FunctionKey& function, bool any_ready, MonotonicTime now) {
  auto& since = functions_[function].serving_since;
  if (!any_ready) {
    since.reset();
  } else if (!since) {
    since = now;
  }
}

void LoadTracker::Record(const FunctionKey& function, uint32_t desired, uint32_t need,
                         MonotonicTime now) {
  PerFunction& f = functions_[function];
  f.current = desired;
  AddNeed(f, f.last_need, now);
  AddNeed(f, need, now);
  f.last_need = need;
}

void LoadTracker::AddNeed(PerFunction& f, uint32_t need, MonotonicTime now) {
  while (!f.needs.empty() && f.needs.back().need <= need) f.needs.pop_back();
  f.needs.push_back({now, need});
}

void LoadTracker::SetCurrent(const FunctionKey& function, uint32_t current) {
  functions_[function].current = current;
}

void LoadTracker::Forget(const FunctionKey& function) { functions_.erase(function); }

LoadWindows LoadTracker::Windows(const FunctionKey& function, MonotonicTime now) {
  RefreshCompleteness(now);
  PerFunction& f = functions_[function];
  LoadWindows w;
  w.complete = complete_since_.has_value();
  w.complete_since = complete_since_.value_or(now);
  double weighted = 0;
  double weight = 0;
  for (const auto& [gateway, load] : f.by_gateway) {
    w.queued += load.queued;
    w.oldest_queued = std::max(w.oldest_queued, load.oldest_queued);
    w.in_flight += load.in_flight;
    if (load.service_time > Duration::zero()) {
      const double share = 1.0 + load.in_flight + load.queued;
      weighted += ToSeconds(load.service_time) * share;
      weight += share;
    }
  }
  if (weight > 0) {
    w.service_time =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(weighted / weight));
  }
  // Nothing has ended for so long: a request takes at least that.
  if (f.stalled_since) w.service_time = std::max(w.service_time, now - *f.stalled_since);
  while (f.rates.size() > 1 && now - f.rates.front().time > options_.rate_window) {
    f.rates.pop_front();
  }
  if (f.rates.size() > 1) {
    const Duration span = std::max<Duration>(now - f.rates.front().time, std::chrono::seconds(1));
    w.completed_per_second =
        static_cast<double>(f.rates.back().completed - f.rates.front().completed) / ToSeconds(span);
  }
  w.quiet_since = std::max(f.last_activity.value_or(w.complete_since), w.complete_since);
  w.serving_since = f.serving_since;
  w.current = f.current;
  while (!f.needs.empty() && now - f.needs.front().time > options_.need_window) {
    f.needs.pop_front();
  }
  w.recent_need = f.last_need;
  if (!f.needs.empty()) w.recent_need = std::max(w.recent_need, f.needs.front().need);
  return w;
}

uint32_t LoadTracker::InFlight(const FunctionKey& function, const ReplicaId& replica) const {
  const auto it = functions_.find(function);
  if (it == functions_.end()) return 0;
  uint32_t sum = 0;
  for (const auto& [gateway, load] : it->second.by_gateway) {
    for (const auto& r : load.replicas) {
      if (r.replica == replica) sum += r.in_flight;
    }
  }
  return sum;
}

std::vector<FunctionKey> LoadTracker::Functions() const {
  std::vector<FunctionKey> keys;
  for (const auto& [key, f] : functions_) keys.push_back(key);
  return keys;
}

void LoadTracker::RestoreInvocations(const FunctionKey& function, Invocations saved) {
  functions_[function].invocations = std::move(saved);
}

LoadTracker::Invocations LoadTracker::InvocationsOf(const FunctionKey& function) const {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return {};
  Invocations copy = found->second.invocations;
  // A gateway's process that has ended does not come back: its count is in the sum. One that is
  // not here yet after a restart may, so a few are kept.
  constexpr size_t kKeep = 16;
  for (auto it = copy.totals.begin(); it != copy.totals.end() && copy.totals.size() > kKeep;) {
    it = gateways_.contains(GatewayId(it->first)) ? std::next(it) : copy.totals.erase(it);
  }
  return copy;
}

}  // namespace hearth::controller
