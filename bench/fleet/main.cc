// hearth-bench-fleet: a controller that defines many functions and goes on changing them, one at a
// time. On SIGTERM it prints how long the gateway took to route by each change.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "tests/fakes/fleet/fake_controller.h"

namespace {

struct Options {
  std::string listen;
  std::string routes;
  hearth::Duration update_every = std::chrono::milliseconds(100);
};

bool Load(const std::string& path, hearth::fakes::FakeController* controller,
          hearth::v1::RouteSnapshot* snapshot) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!snapshot->ParseFromString(bytes) || snapshot->functions_size() == 0) return false;
  for (const auto& function : snapshot->functions()) controller->Upsert(function);
  return true;
}

// Until SIGTERM or SIGINT: every so often another function gets another timeout.
std::vector<double> Change(const Options& options, const sigset_t& signals,
                           hearth::v1::RouteSnapshot* snapshot,
                           hearth::fakes::FakeController* controller) {
  const hearth::RealClock clock;
  const auto every = std::chrono::nanoseconds(options.update_every).count();
  const timespec wait{every / 1'000'000'000, every % 1'000'000'000};
  std::vector<double> milliseconds;
  int next = 0;
  while (sigtimedwait(&signals, nullptr, &wait) < 0) {
    if (controller->streams() == 0) continue;
    auto* function = snapshot->mutable_functions(next++ % snapshot->functions_size());
    function->mutable_policy()->set_timeout_ms(function->policy().timeout_ms() ^ 1);
    const hearth::MonotonicTime start = clock.Now();
    if (!controller->WaitForAck(controller->Upsert(*function))) continue;
    milliseconds.push_back(std::chrono::duration<double, std::milli>(clock.Now() - start).count());
  }
  return milliseconds;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  hearth::Settings settings("hearth-bench-fleet",
                            "Stands in for a controller with many functions that change.");
  settings.Add(
      &options.listen,
      {.name = "listen", .help = "unix:PATH or HOST:PORT", .env = "HEARTH_BENCH_FLEET_LISTEN"});
  settings.Add(&options.routes, {.name = "routes",
                                 .help = "File with a RouteSnapshot on the wire",
                                 .env = "HEARTH_BENCH_FLEET_ROUTES"});
  settings.Add(&options.update_every, {.name = "update-every",
                                       .help = "Between one change and the next",
                                       .env = "HEARTH_BENCH_FLEET_UPDATE_EVERY"});
  if (const auto code = settings.LoadOrExitCode(argc, argv)) return *code;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  hearth::fakes::FakeController controller;
  hearth::v1::RouteSnapshot snapshot;
  if (!Load(options.routes, &controller, &snapshot)) {
    std::fprintf(stderr, "hearth-bench-fleet: --routes %s: not a RouteSnapshot with functions\n",
                 options.routes.c_str());
    return 1;
  }
  controller.Listen(options.listen);
  std::vector<double> took = Change(options, signals, &snapshot, &controller);
  std::sort(took.begin(), took.end());
  const auto at = [&](double q) {
    const auto last = static_cast<double>(took.size()) - 1;
    return took.empty() ? 0.0 : took[static_cast<size_t>(q * last)];
  };
  std::printf("{\"updates\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", took.size(),
              at(0.5), at(0.99), at(1.0));
  return 0;
}
