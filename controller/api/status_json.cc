#include "controller/api/status_json.h"

#include <nlohmann/json.hpp>

#include "core/base/duration.h"
#include "core/model/manifest.h"

namespace hearth::controller {

using nlohmann::json;

json ToJson(const std::vector<Condition>& conditions) {
  json out = json::array();
  for (const auto& c : conditions) {
    out.push_back({{"type", c.type},
                   {"status", std::string(ToString(c.status))},
                   {"reason", c.reason},
                   {"message", c.message},
                   {"lastTransitionTime", FormatTime(c.last_transition)}});
  }
  return out;
}

std::vector<Condition> ConditionsFromJson(const json& array) {
  std::vector<Condition> out;
  if (!array.is_array()) return out;
  for (const auto& object : array) {
    if (!object.is_object()) continue;
    Condition c;
    c.type = object.value("type", "");
    const std::string status = object.value("status", "");
    for (const auto s : {ConditionStatus::kTrue, ConditionStatus::kFalse}) {
      if (status == ToString(s)) c.status = s;
    }
    c.reason = object.value("reason", "");
    c.message = object.value("message", "");
    if (auto t = ParseTime(object.value("lastTransitionTime", "")); t.ok()) c.last_transition = *t;
    out.push_back(std::move(c));
  }
  return out;
}

json ToJson(const FunctionView& view, const std::string& default_namespace) {
  const model::Function& f = view.function;
  const FunctionStatus& s = view.status;
  json out = model::ToManifestJson(f);
  out["metadata"]["generation"] = f.generation;
  out["metadata"]["creationTimestamp"] = FormatTime(f.created);
  const bool is_default = f.key.ns == default_namespace;
  json status = {{"observedGeneration", s.observed_generation},
                 {"revision", s.revision.value()},
                 {"readyRevision", s.ready_revision.value()},
                 {"replicas", s.replicas},
                 {"availableReplicas", s.available},
                 {"desiredReplicas", s.desired},
                 {"conditions", ToJson(s.conditions)},
                 {"url", "/function/" + (is_default ? f.key.name : f.key.Text())},
                 {"invocations", view.invocations}};
  if (!s.recent_logs.empty()) status["recentLogs"] = s.recent_logs;
  out["status"] = std::move(status);
  return out;
}

}  // namespace hearth::controller
