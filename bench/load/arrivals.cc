#include "bench/load/arrivals.h"

#include <chrono>
#include <cmath>

namespace hearth::load {
namespace {

Duration Seconds(double seconds) { return Duration(std::llround(seconds * 1e9)); }

}  // namespace

Arrivals::Arrivals(MonotonicTime start, double rate_per_second, Spacing spacing, uint64_t seed,
                   std::vector<double> weights)
    : start_(start),
      due_(start),
      rate_(rate_per_second),
      spacing_(spacing),
      random_(seed),
      gap_(rate_per_second > 0 ? rate_per_second : 1.0),
      target_(weights.begin(), weights.end()) {}

size_t Arrivals::Take() {
  ++taken_;
  if (rate_ > 0) {
    due_ = spacing_ == Spacing::kEven ? start_ + Seconds(static_cast<double>(taken_) / rate_)
                                      : due_ + Seconds(gap_(random_));
  }
  return target_.max() == 0 ? 0 : target_(random_);
}

}  // namespace hearth::load
