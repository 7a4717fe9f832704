#include "gateway/admin/functions_page.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <tuple>

#include "core/base/duration.h"

namespace hearth::gateway {
namespace {

using nlohmann::json;

json RevisionsOf(const route::Function& function, MonotonicTime now) {
  json revisions = json::array();
  for (const balance::WeightedRevision& revision : function.replicas->revisions) {
    json replicas = json::array();
    for (const auto& replica : revision.replicas) {
      json entry = {{"id", replica->id().value()},
                    {"in_flight", replica->InFlight()},
                    {"capacity", replica->capacity()},
                    {"set_aside", replica->IsAside(now)},
                    {"failures", replica->failures()}};
      if (replica->IsAside(now)) entry["set_aside_ms"] = ToMillis(replica->AsideLeft(now));
      replicas.push_back(std::move(entry));
    }
    revisions.push_back({{"revision", revision.revision},
                         {"weight", revision.weight},
                         {"replicas", std::move(replicas)}});
  }
  return revisions;
}

// {"retries":{"busy":1}}: what has happened to it beside answers, as the counters have it.
json EventsOf(const FunctionTotals& totals) {
  constexpr const char* kNames[proxy::kEventKinds] = {"refusals", "retries", "ejections",
                                                      "spared",   "resets",  "timeouts"};
  json events = json::object();
  for (size_t i = 0; i < proxy::kEvents.size(); ++i) {
    if (totals.events[i] == 0) continue;
    events[kNames[static_cast<size_t>(proxy::kEvents[i].kind)]]
          [std::string(proxy::kEvents[i].reason)] = totals.events[i];
  }
  return events;
}

uint32_t InFlightOf(const route::Function& function) {
  uint32_t sum = 0;
  for (const balance::WeightedRevision& revision : function.replicas->revisions) {
    for (const auto& replica : revision.replicas) sum += replica->InFlight();
  }
  return sum;
}

}  // namespace

std::string FunctionsPage(const route::Table& table,
                          const std::map<std::string, FunctionTotals>& totals, MonotonicTime now) {
  json functions = json::array();
  table.ForEach([&](const route::Function& function) {
    json entry = {{"name", function.key.name},
                  {"namespace", function.key.ns},
                  {"private", function.policy.is_private},
                  {"queued", function.state->queued()},
                  {"oldest_queued_ms", ToMillis(function.state->OldestWait(now))},
                  {"in_flight", InFlightOf(function)},
                  {"service_time_ms", function.state->service_time_ms()},
                  {"replicas", function.replicas->replica_count},
                  {"revisions", RevisionsOf(function, now)}};
    if (!function.replicas->unavailable_reason.empty()) {
      entry["unavailable_reason"] = function.replicas->unavailable_reason;
    }
    if (const auto it = totals.find(function.key.Text()); it != totals.end()) {
      entry["started_total"] = it->second.started;
      json& by_code = entry["by_code"] = json::object();
      for (const auto& [code, seconds] : it->second.seconds) {
        by_code[std::to_string(code)] = seconds.count;
      }
      json events = EventsOf(it->second);
      if (!events.empty()) entry["events"] = std::move(events);
    }
    functions.push_back(std::move(entry));
  });
  std::sort(functions.begin(), functions.end(), [](const json& a, const json& b) {
    return std::tie(a["namespace"], a["name"]) < std::tie(b["namespace"], b["name"]);
  });
  const json page = {{"functions", std::move(functions)}};
  return page.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace hearth::gateway
