#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/metrics/slab.h"
#include "gateway/metrics/recorder.h"
#include "gateway/route/table.h"

namespace hearth::gateway {

// One function over all loops.
struct FunctionTotals {
  uint64_t started = 0;
  int64_t in_flight = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t queued = 0;
  double queued_seconds = 0;
  uint64_t tunnels = 0;
  metrics::HistogramSnapshot cold_queue;
  metrics::HistogramSnapshot cold_first_byte;
  metrics::HistogramSnapshot cold_total;
  std::map<int, metrics::HistogramSnapshot> seconds;  // by status
  std::array<uint64_t, proxy::kEvents.size()> events{};
  std::array<uint64_t, metrics::LatencyCells::kCells> latency{};
};

// By the name that metrics carry: "name.namespace". Functions that the table no longer has are left
// out and their slabs dropped; a null table drops none.
std::map<std::string, FunctionTotals> SumFunctions(
    Recorder& recorder, const std::function<std::shared_ptr<const route::Table>()>& table);

}  // namespace hearth::gateway
