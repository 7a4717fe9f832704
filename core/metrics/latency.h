#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace hearth::metrics {

// Durations in cells that are a quarter of an octave wide, from one microsecond to two minutes:
// fine enough for quantiles that people watch, where Buckets are as coarse as a scrape can bear.
// One writing thread, any number of readers; an observation is a shift and a store.
class LatencyCells {
 public:
  static constexpr size_t kCells = 108;

  static constexpr size_t IndexOf(Duration value) {
    const int64_t ns = value.count();
    const uint64_t us = ns <= 0 ? 0 : static_cast<uint64_t>(ns) / 1000;
    if (us < 4) return static_cast<size_t>(us);
    const auto octave = static_cast<size_t>(std::bit_width(us)) - 1;
    const size_t index = (octave - 1) * 4 + ((us >> (octave - 2)) & 3);
    return index < kCells ? index : kCells - 1;
  }
  // The first microsecond past the cell.
  static constexpr uint64_t EndOf(size_t cell) {
    if (cell < 4) return cell + 1;
    const size_t octave = cell / 4 + 1;
    return (5 + cell % 4) << (octave - 2);
  }

  void Observe(Duration value) {
    std::atomic<uint64_t>& cell = cells_[IndexOf(value)];
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t At(size_t cell) const { return cells_[cell].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<uint64_t>, kCells> cells_{};
};

}  // namespace hearth::metrics
