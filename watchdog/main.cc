#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/version.h"
#include "watchdog/app/app.h"
#include "watchdog/app/health_check.h"
#include "watchdog/app/signals.h"
#include "watchdog/config/config.h"
#include "watchdog/logs/sink.h"
#include "watchdog/supervise/posix_launcher.h"
#include "watchdog/supervise/self.h"

extern char** environ;

namespace hearth::watchdog {
namespace {

// The process's environment. The token is wiped where the kernel shows it (/proc/PID/environ).
Environment TakeEnvironment() {
  Environment env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    char* equals = std::strchr(*entry, '=');
    if (equals == nullptr) continue;
    env.emplace(std::string(*entry, equals), equals + 1);
    if (std::strncmp(*entry, "HEARTH_TOKEN=", 13) == 0) {
      std::memset(equals + 1, 'x', std::strlen(equals + 1));
    }
  }
  return env;
}

std::unique_ptr<LogSink> MakeSink(net::Loop& loop, const Config& config) {
  if (config.log_fds[0] >= 0) {
    return std::make_unique<RingSink>(loop.clock(), config.log_fds[0], config.log_fds[1],
                                      config.log_max);
  }
  return std::make_unique<TextSink>(loop, 1, TextFormat{config.prefix_logs, config.log_call_id});
}

int Run(Config config, Environment environment) {
  const RealClock clock;
  const std::unique_ptr<net::Loop> loop = net::NewEpollLoop(clock);
  const std::unique_ptr<LogSink> sink = MakeSink(*loop, config);
  PosixLauncher launcher(*loop);
  int exit_code = 0;
  App app(*loop, launcher, *sink, std::move(config), std::move(environment), [&](int code) {
    exit_code = code;
    loop->Stop();
  });
  SignalReader signals(
      *loop, WatchedSignals(), [&] { launcher.Reap(); }, [&] { app.Terminate(); });
  if (const absl::Status status = app.Start(); !status.ok()) {
    std::fprintf(stderr, "hearth-watchdog: %s\n", std::string(Message(status)).c_str());
    return 1;
  }
  loop->Run();
  return exit_code;
}

int Main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string first = arguments.empty() ? "" : arguments.front();
  if (first == "--version" || first == "-version") {
    std::printf("hearth-watchdog %s\n", std::string(Version()).c_str());
    return 0;
  }
  const bool check = first == "-run-healthcheck" || first == "--run-healthcheck";
  if (first == "--" || check) arguments.erase(arguments.begin());
  PrepareSelf();
  Environment environment = TakeEnvironment();
  absl::StatusOr<Config> config = ParseConfig(environment, arguments);
  if (!config.ok()) {
    std::fprintf(stderr, "hearth-watchdog: %s\n", std::string(Message(config.status())).c_str());
    return 2;
  }
  if (check) return RunHealthCheck(config->listen);
  return Run(std::move(*config), std::move(environment));
}

}  // namespace
}  // namespace hearth::watchdog

int main(int argc, char** argv) { return hearth::watchdog::Main(argc, argv); }
