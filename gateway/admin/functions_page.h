#pragma once

#include <map>
#include <string>

#include "core/base/clock.h"
#include "gateway/metrics/totals.h"
#include "gateway/route/table.h"

namespace hearth::gateway {

// The live state of every function as JSON:
// {"functions":[{"name","namespace","queued","oldest_queued_ms",
// "in_flight","service_time_ms","started_total","by_code":{"200":1},"unavailable_reason","revisions":[
// {"revision","weight","replicas":[{"id","in_flight","capacity","set_aside"}]}]}]}. Tokens and
// addresses of replicas are not in it.
std::string FunctionsPage(const route::Table& table,
                          const std::map<std::string, FunctionTotals>& totals, MonotonicTime now);

}  // namespace hearth::gateway
