#pragma once

#include <string>
#include <vector>

#include "controller/reconcile/plan.h"

namespace hearth::controller {

enum class RolloutPhase : uint8_t {
  kProving,     // no replica of the spec's revision has answered yet
  kRollingOut,  // it has, but cannot yet bear what the one before it bears
  kSteady,
};

struct ConditionInput {
  const PlannedFunction* function = nullptr;
  RolloutPhase phase = RolloutPhase::kSteady;
  RevisionId serving;
  uint32_t available = 0;
  uint32_t starting = 0;
  const Failures* failures = nullptr;  // of the spec's revision, while it fails
  Duration backoff{};
};

// "crash loop: exit status 1", for callers and conditions.
std::string FailureText(const Failures& failures);

// Ready, Active and, where there is one, Conflict. Pure.
std::vector<Condition> Conditions(const ConditionInput& in);

}  // namespace hearth::controller
