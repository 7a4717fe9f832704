#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hearth::load {

// Values below 2^(kSubBits+1) have a bucket each; above, the top kSubBits+1 bits choose it.
size_t Histogram::Index(uint64_t value) {
  const int bits = 64 - std::countl_zero(value | 1);
  const int shift = std::max(0, bits - kSubBits - 1);
  return (static_cast<size_t>(shift) << kSubBits) + static_cast<size_t>(value >> shift);
}

int64_t Histogram::Middle(size_t index) {
  constexpr size_t kLinear = size_t{2} << kSubBits;
  if (index < kLinear) return static_cast<int64_t>(index);
  const size_t shift = (index >> kSubBits) - 1;
  const size_t top = index - (shift << kSubBits);
  return static_cast<int64_t>((top << shift) + (size_t{1} << shift) / 2);
}

void Histogram::Add(int64_t nanoseconds) {
  constexpr uint64_t kLongest = (uint64_t{1} << kMaxBits) - 1;
  const auto value = static_cast<uint64_t>(std::max<int64_t>(0, nanoseconds));
  ++counts_[Index(std::min(value, kLongest))];
  ++count_;
  max_ = std::max(max_, static_cast<int64_t>(value));
  sum_ += static_cast<double>(value);
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

int64_t Histogram::Quantile(double q) const {
  if (count_ == 0) return 0;
  const double rank = std::ceil(q * static_cast<double>(count_));
  const uint64_t wanted = std::clamp<uint64_t>(static_cast<uint64_t>(rank), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(Middle(i), max_);
  }
  return max_;
}

}  // namespace hearth::load
