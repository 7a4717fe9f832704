#pragma once

#include <map>
#include <string>

#include "core/base/clock.h"
#include "gateway/metrics/totals.h"
#include "gateway/route/table.h"

namespace hearth::gateway {

// What `hearth top` makes its table of, as JSON: counts since this gateway's start, so that whoever
// asks twice knows what happened in between.
// {"gateway":{"instance","uptime_ms"},"functions":[{"name","namespace","started","ended","errors",
// "refused","cold_starts","retries","in_flight","queued","oldest_queued_ms","replicas","set_aside",
// "latency_us":[[end,count],…]}]}. `instance` differs from start to start; a row of latency_us
// holds the requests shorter than `end` microseconds and not in the row before; empty rows are left
// out.
std::string TopPage(const route::Table& table, const std::map<std::string, FunctionTotals>& totals,
                    MonotonicTime now, MonotonicTime started, const std::string& instance);

}  // namespace hearth::gateway
