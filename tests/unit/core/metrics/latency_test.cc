#include "core/metrics/latency.h"

#include <catch2/catch.hpp>

namespace hearth::metrics {
namespace {

using std::chrono::microseconds;

TEST_CASE("Every duration is in the cell that ends just past it") {
  size_t last = 0;
  for (uint64_t us = 0; us < 400'000'000; us = us < 64 ? us + 1 : us + us / 61) {
    const size_t cell = LatencyCells::IndexOf(microseconds(us));
    INFO(us << " us in cell " << cell);
    REQUIRE(cell >= last);  // they follow each other
    last = cell;
    REQUIRE(cell < LatencyCells::kCells);
    if (cell == LatencyCells::kCells - 1) continue;  // holds all that is longer
    REQUIRE(us < LatencyCells::EndOf(cell));
    if (cell > 0) REQUIRE(us >= LatencyCells::EndOf(cell - 1));
    // No cell is wider than a quarter of what it holds.
    if (us >= 4) REQUIRE(static_cast<double>(LatencyCells::EndOf(cell)) <= 1.26 * double(us) + 1);
  }
  CHECK(last == LatencyCells::kCells - 1);
  CHECK(LatencyCells::EndOf(LatencyCells::kCells - 1) > 120'000'000);
}

TEST_CASE("Odd durations do no harm") {
  LatencyCells cells;
  cells.Observe(Duration(-5));
  cells.Observe(Duration(999));
  cells.Observe(Duration::max());
  CHECK(cells.At(0) == 2);
  CHECK(cells.At(LatencyCells::kCells - 1) == 1);
}

}  // namespace
}  // namespace hearth::metrics
