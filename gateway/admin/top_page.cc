#include "gateway/admin/top_page.h"

#include <nlohmann/json.hpp>

#include "core/base/duration.h"

namespace hearth::gateway {
namespace {

using nlohmann::json;

// A caller that is told to come back later has met an error as well.
bool IsError(int status) { return status >= 500 || status == 429; }

void AddCounts(const FunctionTotals& totals, json* entry) {
  uint64_t ended = 0, errors = 0, refused = 0, retries = 0;
  for (const auto& [status, seconds] : totals.seconds) {
    ended += seconds.count;
    if (IsError(status)) errors += seconds.count;
  }
  for (size_t i = 0; i < proxy::kEvents.size(); ++i) {
    if (proxy::kEvents[i].kind == proxy::EventKind::kRefusal) refused += totals.events[i];
    if (proxy::kEvents[i].kind == proxy::EventKind::kRetry) retries += totals.events[i];
  }
  json latency = json::array();
  for (size_t i = 0; i < totals.latency.size(); ++i) {
    if (totals.latency[i] == 0) continue;
    latency.push_back({metrics::LatencyCells::EndOf(i), totals.latency[i]});
  }
  entry->update({{"started", totals.started},
                 {"ended", ended},
                 {"errors", errors},
                 {"refused", refused},
                 {"retries", retries},
                 {"cold_starts", totals.cold_total.count},
                 {"in_flight", totals.in_flight},
                 {"latency_us", std::move(latency)}});
}

}  // namespace

std::string TopPage(const route::Table& table, const std::map<std::string, FunctionTotals>& totals,
                    MonotonicTime now, MonotonicTime started, const std::string& instance) {
  json functions = json::array();
  table.ForEach([&](const route::Function& function) {
    int set_aside = 0;
    for (const auto& revision : function.replicas->revisions) {
      for (const auto& replica : revision.replicas) set_aside += replica->IsAside(now) ? 1 : 0;
    }
    json entry = {{"name", function.key.name},
                  {"namespace", function.key.ns},
                  {"queued", function.state->queued()},
                  {"oldest_queued_ms", ToMillis(function.state->OldestWait(now))},
                  {"replicas", function.replicas->replica_count},
                  {"set_aside", set_aside}};
    const auto it = totals.find(function.key.Text());
    AddCounts(it == totals.end() ? FunctionTotals{} : it->second, &entry);
    functions.push_back(std::move(entry));
  });
  const json page = {{"gateway", {{"instance", instance}, {"uptime_ms", ToMillis(now - started)}}},
                     {"functions", std::move(functions)}};
  return page.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace hearth::gateway
