// hearth-controller: turns functions into running replicas.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "controller/host/host.h"
#include "controller/host/options.h"
#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "core/base/version.h"
#include "core/log/log.h"

namespace {

using hearth::Message;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hearth-controller: %s\n", std::string(Message(status)).c_str());
  return 1;
}

// Every thread inherits the blocked signals: only sigwait sees them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

void NotifyReady(int64_t fd) {
  if (fd < 0) return;
  constexpr char kReady[] = "READY=1\n";
  [[maybe_unused]] const ssize_t written = write(static_cast<int>(fd), kReady, sizeof kReady - 1);
  close(static_cast<int>(fd));
}

}  // namespace

int main(int argc, char** argv) {
  hearth::controller::HostOptions options;
  hearth::Settings settings("hearth-controller",
                            "Turns functions into running replicas and serves the management API "
                            "to gateways.");
  hearth::controller::Declare(&options, &settings);
  if (const auto code = settings.LoadOrExitCode(argc, argv)) return *code;
  if (const absl::Status status = hearth::controller::Resolve(&options); !status.ok()) {
    return Fail(status);
  }

  umask(077);
  // The library's own messages go round the log; ours say what failed.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  const sigset_t signals = BlockSignals();
  const hearth::RealClock clock;
  hearth::log::FdSink sink(STDERR_FILENO, options.log_format == "json"
                                              ? hearth::log::Format::kJson
                                              : hearth::log::Format::kText);
  const hearth::log::Logger logger(
      &sink, &clock, hearth::log::ParseLevel(options.log_level).value_or(hearth::log::Level::kInfo),
      "controller");
  logger.Info("starting", {{"version", hearth::Version()}});
  for (const std::string& line : settings.Effective()) logger.Info("configuration", {{"is", line}});

  hearth::controller::Host host(options, clock, logger);
  if (const absl::Status status = host.Start(); !status.ok()) return Fail(status);
  logger.Info("ready", {{"data", options.data}, {"api", host.api_address()}});
  NotifyReady(options.ready_fd);

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  logger.Info("stopping");
  host.Stop(options.keep_replicas && signal_number == SIGTERM);
  logger.Info("stopped");
  return 0;
}
