#include "gateway/fleet/epoch_gate.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

namespace hearth::fleet {
namespace {

using Verdict = EpochGate::Verdict;

TEST_CASE("The leader with the newest epoch is obeyed") {
  EpochGate gate(3);
  CHECK(gate.OnHello(0, 5, false) == Verdict::kStandby);
  CHECK_FALSE(gate.obeyed());
  CHECK(gate.OnHello(1, 5, true) == Verdict::kObey);
  CHECK(gate.OnHello(2, 4, true) == Verdict::kStale);
  CHECK(gate.Obeyed(1));

  // An election: the standby says that it leads now, the old leader does not know yet.
  CHECK(gate.OnHello(0, 6, true) == Verdict::kObey);
  CHECK_FALSE(gate.Obeyed(1));
  CHECK(gate.OnHello(1, 5, true) == Verdict::kStale);
  CHECK(gate.newest_epoch() == 6);
}

TEST_CASE("A stale leader is not obeyed even when it is alone") {
  EpochGate gate(2);
  gate.OnHello(0, 7, true);
  gate.OnLost(0);
  CHECK(gate.OnHello(1, 6, true) == Verdict::kStale);
  CHECK_FALSE(gate.obeyed());
  CHECK(gate.OnHello(0, 7, true) == Verdict::kObey);
}

TEST_CASE("A second stream to the same leader takes over when the first breaks") {
  EpochGate gate(2);
  CHECK(gate.OnHello(0, 3, true) == Verdict::kObey);
  CHECK(gate.OnHello(1, 3, true) == Verdict::kDuplicate);
  const auto next = gate.OnLost(0);
  REQUIRE(next);
  CHECK(*next == 1);
  CHECK_FALSE(gate.obeyed());  // until it has been opened again
  gate.OnLost(1);
  CHECK(gate.OnHello(1, 3, true) == Verdict::kObey);
}

TEST_CASE("A leader that steps down is not obeyed") {
  EpochGate gate(1);
  gate.OnHello(0, 3, true);
  CHECK(gate.OnHello(0, 3, false) == Verdict::kStandby);
  CHECK_FALSE(gate.obeyed());
}

TEST_CASE("Whatever happens, only a connected leader of the newest epoch is obeyed") {
  rc::prop("for any history", [](const std::vector<std::tuple<uint8_t, uint8_t, uint8_t>>& steps) {
    EpochGate gate(3);
    struct Model {
      bool leader = false;
      uint64_t epoch = 0;
    } model[3];
    uint64_t newest = 0;
    for (const auto& [what, which, epoch_byte] : steps) {
      const size_t link = which % 3;
      const uint64_t epoch = epoch_byte % 8;
      if (what % 3 == 0) {
        gate.OnLost(link);
        model[link] = {};
      } else {
        const bool leader = what % 3 == 1;
        gate.OnHello(link, epoch, leader);
        model[link] = {leader, epoch};
        if (leader) newest = std::max(newest, epoch);
      }
      RC_ASSERT(gate.newest_epoch() == newest);
      if (const auto obeyed = gate.obeyed()) {
        RC_ASSERT(model[*obeyed].leader);
        RC_ASSERT(model[*obeyed].epoch == newest);
      }
    }
  });
}

}  // namespace
}  // namespace hearth::fleet
