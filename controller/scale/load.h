#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

struct ReplicaLoad {
  ReplicaId replica;
  uint32_t in_flight = 0;
};

// What one gateway says about one function: a level, not an event.
struct FunctionLoad {
  FunctionKey function;
  uint32_t queued = 0;
  Duration oldest_queued{};
  uint32_t in_flight = 0;
  Duration service_time{};       // moving average; 0: unknown
  uint64_t completed_total = 0;  // since that gateway started
  Duration last_activity_ago{};
  std::vector<ReplicaLoad> replicas;
};

// The load of one function over all gateways and over time: everything Decide looks at.
struct LoadWindows {
  // Every gateway that may hold requests of the function has reported. Without that nothing may be
  // taken away: what is not seen may be there.
  bool complete = false;
  MonotonicTime complete_since{};  // meaningful while `complete`

  uint32_t queued = 0;
  Duration oldest_queued{};
  uint32_t in_flight = 0;
  Duration service_time{};  // 0: unknown
  double completed_per_second = 0;
  // Last request or deployment, or the begin of complete data where that is later.
  MonotonicTime quiet_since{};
  // A replica has been ready without interruption since then.
  std::optional<MonotonicTime> serving_since;
  uint32_t current = 0;      // replicas wanted by the last decision
  uint32_t recent_need = 0;  // the most that was needed within the down delay
};

}  // namespace hearth::controller
