#include "watchdog/config/child_environment.h"

#include <cstdio>
#include <ctime>

namespace hearth::watchdog {
namespace {

std::string LogStream(WallTime now, std::string_view id) {
  const time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now));
  tm utc{};
  gmtime_r(&seconds, &utc);
  char day[32];
  strftime(day, sizeof day, "%Y/%m/%d/[$LATEST]", &utc);
  return day + std::string(id);
}

void AddLambda(const Config& c, WallTime now, std::string_view log_stream_id, Environment* env) {
  Environment& e = *env;
  // The platform's own: a value of the user's does not survive.
  e["AWS_LAMBDA_FUNCTION_NAME"] = c.function;
  e["AWS_LAMBDA_FUNCTION_VERSION"] = "$LATEST";
  e["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(c.memory_mb);
  e["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
  e["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + c.function;
  e["AWS_LAMBDA_LOG_STREAM_NAME"] = LogStream(now, log_stream_id);
  e["AWS_LAMBDA_RUNTIME_API"] = c.runtime_api.Text();
  e["_HANDLER"] = c.handler;
  if (c.concurrency > 1) e["AWS_LAMBDA_MAX_CONCURRENCY"] = std::to_string(c.concurrency);
  // Defaults: what the image or the manifest says counts. No credentials are made up: a client
  // would take false ones for real.
  e.emplace("LAMBDA_TASK_ROOT", "/var/task");
  e.emplace("LAMBDA_RUNTIME_DIR", "/var/runtime");
  e.emplace("AWS_REGION", "us-east-1");
  e.emplace("AWS_DEFAULT_REGION", e["AWS_REGION"]);
  e.emplace("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
  e.emplace("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000");
  e.emplace("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1");
  e.emplace("_AWS_XRAY_DAEMON_PORT", "2000");
  e.emplace("LANG", "en_US.UTF-8");
  e.emplace("TZ", ":UTC");
  e.emplace("LD_LIBRARY_PATH",
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:"
            "/opt/lib");
}

}  // namespace

Environment ChildEnvironment(const Environment& own, const Config& config, WallTime now,
                             std::string_view log_stream_id) {
  Environment env;
  for (const auto& [name, value] : own) {
    if (name.empty() || name.front() == '_' || name.starts_with("HEARTH_")) continue;
    env.emplace(name, value);
  }
  env["HEARTH_FUNCTION"] = env["OPENFAAS_NAME"] = config.function;
  env["HEARTH_NAMESPACE"] = env["OPENFAAS_NAMESPACE"] = config.ns;
  if (!config.revision.empty()) env["HEARTH_REVISION"] = config.revision;
  if (!config.gateway_socket.empty()) {
    env["HEARTH_GATEWAY_URL"] = "http://127.0.0.1:9900";
  } else if (!config.gateway_url.empty()) {
    env["HEARTH_GATEWAY_URL"] = config.gateway_url;
  }
  env.emplace("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin");
  if (config.mode == ModeKind::kNative) AddLambda(config, now, log_stream_id, &env);
  return env;
}

std::vector<std::string> ToStrings(const Environment& env) {
  std::vector<std::string> out;
  out.reserve(env.size());
  for (const auto& [name, value] : env) out.push_back(name + "=" + value);
  return out;
}

}  // namespace hearth::watchdog
