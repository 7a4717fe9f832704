#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>

#include "core/model/function.h"

namespace hearth::controller {

// What one replica may use, in numbers.
struct ReplicaLimits {
  uint64_t memory_bytes = 0;
  uint64_t cpu_millis = 0;  // 0: no limit
  uint32_t max_processes = 0;
};

absl::StatusOr<ReplicaLimits> LimitsOf(const model::Resources& limits,
                                       std::string_view default_memory, uint32_t max_processes);

// The machine's memory, for refusing what could never fit.
uint64_t MachineMemory();

}  // namespace hearth::controller
