#pragma once

#include <cstddef>
#include <random>
#include <vector>

#include "core/base/clock.h"

namespace hearth::load {

// When requests are due and which of the targets each one is for: fixed by rate and seed alone, so
// that no answer, however late, can move the requests behind it (coordinated omission). Pure.
class Arrivals {
 public:
  enum class Spacing { kEven, kPoisson };

  // `weights`: of the targets, at least one.
  Arrivals(MonotonicTime start, double rate_per_second, Spacing spacing, uint64_t seed,
           std::vector<double> weights);

  MonotonicTime due() const { return due_; }  // of the next request
  // The target of the request that is due; steps to the one after it.
  size_t Take();

 private:
  MonotonicTime start_;
  MonotonicTime due_;
  double rate_;
  Spacing spacing_;
  uint64_t taken_ = 0;
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
  std::discrete_distribution<size_t> target_;
};

}  // namespace hearth::load
