#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/scale/load.h"
#include "core/base/clock.h"
#include "core/model/function.h"

namespace hearth::controller {

// What one replica is measured by. More metrics are further values here and further cases in
// Decide.
enum class ScaleMetric : uint8_t { kConcurrency, kRequestsPerSecond };

// The rules for one function, resolved: no zero capacities, no missing targets.
struct ScalePolicy {
  uint32_t min = 0;
  uint32_t max = 20;
  // Set by a user: the number, whatever the load. Zero means "none until a request comes".
  std::optional<uint32_t> replicas;
  MonotonicTime replicas_since{};  // when `replicas` was set
  ScaleMetric metric = ScaleMetric::kConcurrency;
  double target = 1;      // of the metric, for one replica; > 0
  uint32_t capacity = 1;  // requests inside one replica at once; > 0
  Duration idle_timeout = std::chrono::minutes(5);
  Duration down_delay = std::chrono::seconds(30);      // a need is remembered for so long
  Duration boot_time = std::chrono::milliseconds(50);  // what a new replica has taken lately
  uint32_t start_parallelism = 1;  // replicas this host starts at once without slowing them down
};

// An unlimited replica counts as this many for scaling.
inline constexpr uint32_t kUnlimitedCapacity = 100;

struct HostAbility {
  Duration boot_time = std::chrono::milliseconds(50);
  uint32_t start_parallelism = 1;
};

ScalePolicy PolicyOf(const model::FunctionSpec& spec, const HostAbility& host);

struct Decision {
  uint32_t desired = 0;
  uint32_t need = 0;  // what the load alone asks for now; remembered for the down delay
  std::string reason;
  std::optional<Duration> recheck_after;  // when time alone can change the answer
};

// How many replicas a function should have. Pure: the same values give the same answer.
Decision Decide(const ScalePolicy& policy, const LoadWindows& load, MonotonicTime now);

}  // namespace hearth::controller
