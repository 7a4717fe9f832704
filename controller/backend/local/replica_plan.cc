#include "controller/backend/local/replica_plan.h"

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::vector<std::string> ImageCommand(const ImageConfig& config) {
  std::vector<std::string> out = config.entrypoint;
  out.insert(out.end(), config.command.begin(), config.command.end());
  return out;
}

// Without a sandbox the paths of the contract do not exist; the host's stand in for them.
void ReplacePaths(const LaunchFacts& facts, std::string* text) {
  const auto replace = [&](std::string_view inside, const std::string& outside) {
    for (size_t at = text->find(inside); at != std::string::npos && !outside.empty();
         at = text->find(inside, at + outside.size())) {
      text->replace(at, inside.size(), outside);
    }
  };
  replace("/var/task", facts.code_folder);
  replace("/var/runtime", facts.shim_folder);
}

struct Process {
  std::vector<std::string> command;
  std::optional<model::Mode> mode;  // unset: the environment's `mode` counts (an OpenFaaS image)
};

absl::StatusOr<Process> ProcessOf(const ReplicaRequest& request, const LaunchFacts& facts) {
  const model::FunctionSpec& spec = request.spec;
  Process out{spec.command, spec.mode};
  if (spec.mode == model::Mode::kStatic) return Process{{}, spec.mode};
  if (!out.command.empty()) return out;
  if (facts.runtime != nullptr) {
    out.command = facts.runtime->command;
    if (!out.command.empty()) return out;
  }
  if (facts.image != nullptr) {
    const ImageConfig& config = facts.image->config;
    out.command = ImageCommand(config);
    if (IsWatchdogCommand(out.command)) {
      const auto separator = std::find(out.command.begin(), out.command.end(), "--");
      out.command.erase(out.command.begin(),
                        separator == out.command.end() ? separator : separator + 1);
      // `http` is what a spec has that says nothing: then the image's own environment decides.
      if (spec.mode == model::Mode::kHttp) out.mode.reset();
      return out;
    }
    if (!out.command.empty()) return out;
    return InvalidArgument(
        "spec.image: the image has neither an entry point nor a command; set "
        "spec.command");
  }
  return InvalidArgument(
      "spec.command: nothing to run; set spec.runtime, spec.image or spec.command");
}

void AddUserEnvironment(const ReplicaRequest& request, const LaunchFacts& facts,
                        std::map<std::string, std::string>* env) {
  (*env)["PATH"] = kDefaultPath;
  (*env)["HOME"] = "/tmp";
  (*env)["LANG"] = "C.UTF-8";
  const auto add = [&](const std::map<std::string, std::string>& more) {
    for (const auto& [name, value] : more) {
      if (!name.starts_with("HEARTH_")) (*env)[name] = value;
    }
  };
  if (facts.image != nullptr) add(facts.image->config.environment);
  if (facts.runtime != nullptr) add(facts.runtime->environment);
  add(request.spec.environment);
}

}  // namespace

bool IsWatchdogCommand(const std::vector<std::string>& command) {
  if (command.empty()) return false;
  const std::string name = BaseName(command[0]);
  return name == "fwatchdog" || name == "of-watchdog" || name == "hearth-watchdog" ||
         name == "watchdog";
}

absl::StatusOr<WatchdogStart> PlanWatchdog(const ReplicaRequest& request,
                                           const LaunchFacts& facts) {
  const model::FunctionSpec& spec = request.spec;
  auto process = ProcessOf(request, facts);
  if (!process.ok()) return process.status();

  WatchdogStart out;
  out.command = std::move(process->command);
  out.working_dir =
      facts.image != nullptr && spec.source.empty() ? facts.image->config.working_dir : "/var/task";
  AddUserEnvironment(request, facts, &out.env);
  auto& env = out.env;
  const bool openfaas_image = !process->mode.has_value();
  const auto unless_set = [&](const char* theirs, const char* ours, std::string value) {
    if (!openfaas_image || env.count(theirs) == 0) env[ours] = std::move(value);
  };
  if (!openfaas_image) env["HEARTH_MODE"] = model::ToString(*process->mode);
  env["HEARTH_LISTEN"] = "fd:3";
  env["HEARTH_CONTROL"] = "fd:4";
  env["HEARTH_LOG"] = "fd:5,fd:6";
  env["HEARTH_LOG_MAX"] = Cat(facts.log_bytes);
  env["HEARTH_FUNCTION"] = request.function.name;
  env["HEARTH_NAMESPACE"] = request.function.ns;
  env["HEARTH_REVISION"] = request.revision.value();
  env["HEARTH_REPLICA"] = request.id.value();
  unless_set("max_inflight", "HEARTH_CONCURRENCY", Cat(spec.concurrency));
  unless_set("exec_timeout", "HEARTH_TIMEOUT", FormatDuration(spec.timeout));
  env["HEARTH_STREAM_IDLE_TIMEOUT"] = FormatDuration(spec.stream_idle_timeout);
  if (spec.max_duration > Duration::zero()) {
    env["HEARTH_MAX_DURATION"] = FormatDuration(spec.max_duration);
  }
  env["HEARTH_INIT_TIMEOUT"] = FormatDuration(spec.health.startup_timeout);
  env["HEARTH_MAX_BODY"] = Cat(spec.max_body_bytes);
  env["HEARTH_EVENT"] = model::ToString(spec.event);
  env["HEARTH_HANDLER"] =
      spec.handler.empty() && facts.runtime != nullptr ? facts.runtime->handler : spec.handler;
  env["HEARTH_MEMORY_MB"] = Cat(facts.limits.memory_bytes >> 20);
  env["HEARTH_RUNTIME_API"] = Cat("127.0.0.1:", facts.runtime_api_port);
  if (process->mode == model::Mode::kHttp) {
    const bool h2c = spec.protocol == model::Protocol::kH2c;
    env["HEARTH_UPSTREAM"] = Cat(h2c ? "h2c" : "http", "://127.0.0.1:", spec.port);
    env.emplace("PORT", Cat(spec.port));
    if (!spec.health.path.empty()) env["HEARTH_READY_PATH"] = spec.health.path;
  }
  if (process->mode == model::Mode::kStatic) {
    env["HEARTH_STATIC_PATH"] = spec.static_path.empty()          ? out.working_dir
                                : spec.static_path.front() == '/' ? spec.static_path
                                                                  : "/var/task/" + spec.static_path;
  }
  if (facts.run_as_uid) env["HEARTH_RUN_AS"] = Cat(*facts.run_as_uid, ":", facts.run_as_gid);
  if (!facts.gateway_socket_inside.empty()) {
    env["HEARTH_GATEWAY_SOCKET"] = facts.gateway_socket_inside;
  }
  if (!facts.sandboxed) {
    for (std::string& word : out.command) ReplacePaths(facts, &word);
    for (auto& [name, value] : env) ReplacePaths(facts, &value);
    ReplacePaths(facts, &out.working_dir);
  }
  return out;
}

}  // namespace hearth::controller
