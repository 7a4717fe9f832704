// hearth-load: measures an HTTP server from outside and prints one line of JSON.
#include <signal.h>

#include <cstdio>

#include "bench/load/options.h"
#include "bench/load/run.h"
#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/settings.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hearth-load: %s\n", std::string(hearth::Message(status)).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  hearth::load::Options options;
  hearth::Settings settings("hearth-load",
                            "Sends HTTP requests or WebSocket messages at a fixed rate or as fast "
                            "as answers come, and prints what they met as one line of JSON.");
  hearth::load::Declare(&options, &settings);
  if (const auto code = settings.LoadOrExitCode(argc, argv)) return *code;
  signal(SIGPIPE, SIG_IGN);
  const auto plan = hearth::load::MakePlan(options);
  if (!plan.ok()) return Fail(plan.status());
  const hearth::RealClock clock;
  hearth::load::Run run(*plan, clock);
  if (const absl::Status status = run.Execute(); !status.ok()) return Fail(status);
  if (!run.recorder().WriteLog()) {
    std::fprintf(stderr, "hearth-load: --log %s cannot be written\n", options.log.c_str());
    return 1;
  }
  std::printf("%s\n", run.recorder().Json().c_str());
  return 0;
}
