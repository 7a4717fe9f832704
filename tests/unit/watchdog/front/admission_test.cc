#include "watchdog/front/admission.h"

#include <catch2/catch.hpp>

namespace hearth::watchdog {
namespace {

TEST_CASE("what becomes of a request", "[watchdog][front]") {
  using S = FunctionState;
  using A = Admission;
  struct Case {
    S state;
    uint32_t in_flight, limit;
    A want;
  };
  const Case cases[] = {
      {S::kReady, 0, 1, A::kStart},      {S::kReady, 1, 1, A::kBusy},
      {S::kReady, 5000, 0, A::kStart},   {S::kStarting, 0, 1, A::kWait},
      {S::kStarting, 1, 1, A::kBusy},    {S::kStarting, 1023, 0, A::kWait},
      {S::kStarting, 1024, 0, A::kBusy}, {S::kRestarting, 0, 2, A::kWait},
      {S::kFailed, 0, 0, A::kFailed},    {S::kFailed, 9, 1, A::kFailed},
  };
  for (const Case& k : cases) CHECK(Admit(k.state, k.in_flight, k.limit) == k.want);
}

}  // namespace
}  // namespace hearth::watchdog
