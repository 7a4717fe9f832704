#pragma once

#include <absl/status/status.h>
#include <nlohmann/json_fwd.hpp>

#include <string>

#include "cli/client/platform_client.h"
#include "cli/commands/context.h"

namespace hearth::cli {

enum class RolloutState : uint8_t { kWaiting, kReady, kFailed };

struct Rollout {
  RolloutState state = RolloutState::kWaiting;
  std::string text;  // for people: what it waits for, or why it failed with the last log lines
};

// What a Function's status says about the spec of `generation`. Pure.
Rollout JudgeRollout(const nlohmann::json& function, uint64_t generation);

// Waits until the function serves what was deployed. An error: it does not, and why.
absl::Status AwaitRollout(PlatformClient& client, const FunctionKey& key, uint64_t generation,
                          Duration timeout, Context& context);

// A condition of a Function's status; an empty object where there is none.
nlohmann::json ConditionOf(const nlohmann::json& function, std::string_view type);
// status.recentLogs as lines.
std::vector<std::string> RecentLogs(const nlohmann::json& function);

}  // namespace hearth::cli
