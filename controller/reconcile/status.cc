#include "controller/reconcile/status.h"

#include <algorithm>

namespace hearth::controller {

std::string_view ToString(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kTrue:
      return "True";
    case ConditionStatus::kFalse:
      return "False";
    case ConditionStatus::kUnknown:
      break;
  }
  return "Unknown";
}

const Condition* FunctionStatus::Find(std::string_view type) const {
  const auto it = std::find_if(conditions.begin(), conditions.end(),
                               [&](const Condition& c) { return c.type == type; });
  return it == conditions.end() ? nullptr : &*it;
}

std::vector<Condition> MergeConditions(const std::vector<Condition>& before,
                                       std::vector<Condition> after, WallTime now) {
  for (auto& condition : after) {
    const auto old = std::find_if(before.begin(), before.end(), [&](const Condition& c) {
      return c.type == condition.type && c.status == condition.status;
    });
    condition.last_transition = old == before.end() ? now : old->last_transition;
  }
  return after;
}

}  // namespace hearth::controller
