#include <catch2/catch.hpp>

#include "watchdog/supervise/process.h"
#include "watchdog/supervise/service.h"

namespace hearth::watchdog {
namespace {

TEST_CASE("how a process ended, in words", "[watchdog][supervise]") {
  CHECK(ExitInfo{0, 0, false}.Reason() == "exit status 0");
  CHECK(ExitInfo{3, 0, false}.Reason() == "exit status 3");
  CHECK(ExitInfo{0, 9, false}.Reason() == "signal: killed");
  CHECK(ExitInfo{0, 11, false}.Reason() == "signal: segmentation fault");
  CHECK(ExitInfo{0, 9, true}.Reason() == "killed: out of memory");
  CHECK(ExitInfo{0, 0, false}.Success());
  CHECK_FALSE(ExitInfo{0, 9, false}.Success());
}

TEST_CASE("restarts back off to half a minute", "[watchdog][supervise]") {
  using std::chrono::seconds;
  const int64_t want[] = {0, 1, 2, 4, 8, 16, 30, 30};
  for (uint32_t n = 0; n < 8; ++n) CHECK(RestartDelay(n) == seconds(want[n]));
  CHECK(RestartDelay(4'000'000'000u) == seconds(30));
}

}  // namespace
}  // namespace hearth::watchdog
