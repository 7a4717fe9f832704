#include "controller/backend/local/limits.h"

#include <unistd.h>

#include <string>

#include "core/base/absl_compat.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr uint64_t kLeastMemory = 8ull << 20;  // less than the watchdog and any program need

}  // namespace

absl::StatusOr<ReplicaLimits> LimitsOf(const model::Resources& limits,
                                       std::string_view default_memory, uint32_t max_processes) {
  ReplicaLimits out;
  out.max_processes = max_processes;
  const auto memory =
      ParseBytes(limits.memory.empty() ? default_memory : std::string_view(limits.memory));
  if (!memory.ok()) return InvalidArgument(Cat("spec.limits.memory: ", Message(memory.status())));
  if (*memory < kLeastMemory) {
    return InvalidArgument(Cat("spec.limits.memory: ", limits.memory,
                               " is too little for any process; the least is 8Mi"));
  }
  out.memory_bytes = *memory;
  if (!limits.cpu.empty()) {
    const auto cpu = ParseMilliCpu(limits.cpu);
    if (!cpu.ok()) return InvalidArgument(Cat("spec.limits.cpu: ", Message(cpu.status())));
    if (*cpu < 10) {
      return InvalidArgument(
          Cat("spec.limits.cpu: ", limits.cpu, " is too little to run; the least is 10m"));
    }
    out.cpu_millis = *cpu;
  }
  return out;
}

uint64_t MachineMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

}  // namespace hearth::controller
