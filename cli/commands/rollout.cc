#include "cli/commands/rollout.h"

#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

json Section(const json& function, const char* name) {
  return function.is_object() && function.contains(name) && function[name].is_object()
             ? function[name]
             : json::object();
}

std::string FailureText(const json& function, const json& ready) {
  std::string text = Cat(ready.value("reason", "Failed"), ": ", ready.value("message", ""));
  const std::vector<std::string> lines = RecentLogs(function);
  if (!lines.empty()) text += "\nits last output:";
  for (const auto& line : lines) text += "\n  " + line;
  return text;
}

}  // namespace

json ConditionOf(const json& function, std::string_view type) {
  const json status = Section(function, "status");
  if (!status.contains("conditions") || !status["conditions"].is_array()) return json::object();
  for (const json& condition : status["conditions"]) {
    if (condition.is_object() && condition.value("type", "") == type) return condition;
  }
  return json::object();
}

std::vector<std::string> RecentLogs(const json& function) {
  std::vector<std::string> lines;
  const json status = Section(function, "status");
  if (!status.contains("recentLogs") || !status["recentLogs"].is_array()) return lines;
  for (const json& line : status["recentLogs"]) {
    if (line.is_string()) lines.push_back(line.get<std::string>());
    if (line.is_object()) lines.push_back(line.value("text", ""));
  }
  return lines;
}

Rollout JudgeRollout(const json& function, uint64_t generation) {
  const json status = Section(function, "status");
  if (status.value("observedGeneration", uint64_t{0}) < generation) {
    return {RolloutState::kWaiting, "waiting for the controller"};
  }
  const json ready = ConditionOf(function, "Ready");
  const std::string value = ready.value("status", "Unknown");
  if (value == "True") {
    const std::string wanted = status.value("revision", "");
    const std::string serving = status.value("readyRevision", wanted);
    if (wanted == serving) return {RolloutState::kReady, ""};
    return {RolloutState::kWaiting, "waiting for the new revision"};
  }
  if (value == "False") return {RolloutState::kFailed, FailureText(function, ready)};
  return {RolloutState::kWaiting, ready.value("message", "waiting for a replica")};
}

absl::Status AwaitRollout(PlatformClient& client, const FunctionKey& key, uint64_t generation,
                          Duration timeout, Context& context) {
  const MonotonicTime deadline = context.clock.Now() + timeout;
  Duration pause = 20ms;
  std::string last = "nothing yet";
  while (true) {
    ASSIGN_OR_RETURN(const json function, client.GetFunction(key));
    const Rollout rollout = JudgeRollout(function, generation);
    if (rollout.state == RolloutState::kReady) {
      context.terminal.EndProgress();
      return absl::OkStatus();
    }
    if (rollout.state == RolloutState::kFailed) {
      return FailedPrecondition(Cat(key.name, " does not become ready: ", rollout.text));
    }
    last = rollout.text;
    context.terminal.Progress(Cat(key.name, ": ", last));
    if (context.clock.Now() + pause > deadline) {
      return DeadlineExceeded(Cat(key.name, " is not ready after ", FormatDuration(timeout), ": ",
                                  last, "\n  it goes on trying; \"hearth describe ", key.name,
                                  "\" shows how it stands"));
    }
    context.sleep(pause);
    pause = std::min<Duration>(pause * 2, 500ms);
  }
}

}  // namespace hearth::cli
