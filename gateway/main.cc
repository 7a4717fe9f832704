// hearth-gateway: what clients talk to.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "core/base/version.h"
#include "core/log/log.h"
#include "gateway/app/app.h"
#include "gateway/app/notify.h"
#include "gateway/app/options.h"

namespace {

using hearth::Message;
using hearth::gateway::App;
using hearth::gateway::Options;

// Every thread inherits the blocked signals: only WaitForSignal sees them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// The signal, or 0 after `wait`.
int WaitForSignal(const sigset_t& signals, timespec wait) {
  const int signal = sigtimedwait(&signals, nullptr, &wait);
  return signal > 0 ? signal : 0;
}

// A gateway holds two descriptors for each request.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Until SIGTERM or Ctrl-C, then until every request is done; a second signal ends it at once.
void Serve(App& app, const sigset_t& signals) {
  while (WaitForSignal(signals, {3600, 0}) == 0) {
  }
  app.BeginDrain();
  while (!app.drained() && WaitForSignal(signals, {0, 20'000'000}) == 0) {
  }
}

int Run(const Options& options, const sigset_t& signals, const hearth::log::Logger& logger) {
  const hearth::RealClock clock;
  App app(options, clock, logger);
  if (const absl::Status status = app.Start(); !status.ok()) {
    std::fprintf(stderr, "hearth-gateway: %.*s\n", static_cast<int>(Message(status).size()),
                 Message(status).data());
    return 1;
  }
  logger.Info("listening", {{"address", app.address().Text()},
                            {"admin", options.admin_listen.empty() ? std::string("none")
                                                                   : app.admin_address().Text()}});
  hearth::gateway::NotifyReady(static_cast<int>(options.ready_fd));
  Serve(app, signals);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  hearth::Settings settings("hearth-gateway",
                            "Routes requests to functions and the management API to the "
                            "controller.");
  hearth::gateway::Declare(&options, &settings);
  if (const auto code = settings.LoadOrExitCode(argc, argv)) return *code;

  const sigset_t signals = BlockSignals();
  RaiseDescriptorLimit();
  const hearth::RealClock clock;
  hearth::log::FdSink sink(STDERR_FILENO, options.log_format == "json"
                                              ? hearth::log::Format::kJson
                                              : hearth::log::Format::kText);
  const hearth::log::Logger logger(
      &sink, &clock, hearth::log::ParseLevel(options.log_level).value_or(hearth::log::Level::kInfo),
      "gateway");
  logger.Info("starting", {{"version", hearth::Version()}});
  for (const std::string& line : settings.Effective()) logger.Info("configuration", {{"is", line}});

  const int code = Run(options, signals, logger);
  logger.Info("stopped");
  return code;
}
