#include "gateway/fleet/backoff.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

namespace hearth::fleet {
namespace {

TEST_CASE("Waits double up to two seconds and keep within the upper half of the step") {
  rc::prop("for any randomness", [](const std::vector<uint64_t>& randoms) {
    Backoff backoff;
    Duration step = Backoff::kFirst;
    for (const uint64_t random : randoms) {
      const Duration wait = backoff.Next(random);
      RC_ASSERT(wait >= step / 2);
      RC_ASSERT(wait <= step);
      step = std::min(step * 2, Backoff::kMax);
    }
    backoff.Reset();
    RC_ASSERT(backoff.Next(0) == Backoff::kFirst / 2);
  });
}

TEST_CASE("On one machine the wait stays short") {
  Backoff backoff(Backoff::kMaxLocal);
  for (int i = 0; i < 10; ++i) CHECK(backoff.Next(UINT64_MAX) <= Backoff::kMaxLocal);
}

}  // namespace
}  // namespace hearth::fleet
