#pragma once

#include <vector>

#include "gateway/metrics/reading.h"

namespace hearth::gateway {

// The usual numbers of a process (process_cpu_seconds_total, process_resident_memory_bytes, …), as
// the kernel gives them; those it does not give are left out.
std::vector<Reading> ProcessReadings();

}  // namespace hearth::gateway
