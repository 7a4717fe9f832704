// hearth-gateway: what clients talk to.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "core/base/version.h"
#include "core/log/log.h"
#include "gateway/app/app.h"
#include "gateway/app/lifecycle.h"
#include "gateway/app/notify.h"
#include "gateway/app/options.h"

namespace {

using hearth::Message;
using hearth::gateway::App;
using hearth::gateway::Options;

// A gateway holds two descriptors for each request.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const Options& options, hearth::gateway::Lifecycle& lifecycle,
        const hearth::log::Logger& logger) {
  const hearth::RealClock clock;
  App app(options, clock, logger);
  lifecycle.Watch(app);
  if (const absl::Status status = app.Start(); !status.ok()) {
    std::fprintf(stderr, "hearth-gateway: %.*s\n", static_cast<int>(Message(status).size()),
                 Message(status).data());
    return 1;
  }
  logger.Info("listening", {{"address", app.address().Text()},
                            {"admin", options.admin_listen.empty() ? std::string("none")
                                                                   : app.admin_address().Text()}});
  hearth::gateway::NotifyReady(static_cast<int>(options.ready_fd), app.took_over());
  lifecycle.Run(app, !options.handover_socket.empty());
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

  hearth::gateway::Lifecycle lifecycle(logger);
  const int code = Run(options, lifecycle, logger);
  logger.Info("stopped");
  return code;
}
