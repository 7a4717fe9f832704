#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

enum class ConditionStatus : uint8_t { kTrue, kFalse, kUnknown };
std::string_view ToString(ConditionStatus status);  // "True", "False", "Unknown"

struct Condition {
  std::string type;  // Ready, Active or Conflict
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason;   // one word in camel case
  std::string message;  // for people
  WallTime last_transition{};
  bool operator==(const Condition&) const = default;
};

// What a user is shown about a function, whichever door it is asked through.
struct FunctionStatus {
  uint64_t observed_generation = 0;
  RevisionId revision;        // of the spec as it is now
  RevisionId ready_revision;  // the one that takes traffic; empty: none yet
  uint32_t replicas = 0;      // that exist and are not on their way out
  uint32_t available = 0;     // that take requests
  uint32_t desired = 0;
  std::vector<Condition> conditions;
  std::vector<std::string> recent_logs;  // of the last replica that failed; only while failing
  bool operator==(const FunctionStatus&) const = default;

  const Condition* Find(std::string_view type) const;
};

// The new conditions, with the time of the last transition taken over where the status is the same.
std::vector<Condition> MergeConditions(const std::vector<Condition>& before,
                                       std::vector<Condition> after, WallTime now);

}  // namespace hearth::controller
