#pragma once

#include <map>
#include <string>

#include "core/base/clock.h"
#include "gateway/metrics/totals.h"
#include "gateway/route/table.h"

namespace hearth::gateway {

// The live state of every function as JSON:
// {"functions":[{"name","namespace","private","queued","oldest_queued_ms","in_flight",
// "service_time_ms","replicas","started_total","by_code":{"200":1},"events":{"retries":{"busy":1}},
// "unavailable_reason","revisions":[{"revision","weight","replicas":[{"id","in_flight","capacity",
// "set_aside","set_aside_ms","failures"}]}]}]}: set_aside_ms is how long it still will be, failures
// how many came since it last answered. Tokens and addresses of replicas are not in it.
std::string FunctionsPage(const route::Table& table,
                          const std::map<std::string, FunctionTotals>& totals, MonotonicTime now);

}  // namespace hearth::gateway
