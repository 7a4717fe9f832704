#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hearth::load {

// Latencies in log-linear buckets: 128 linear steps for each power of two, so that any quantile is
// within 0.8 % of the truth however long the run, in 36 KB. One thread; owned by a Recorder.
class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void Add(int64_t nanoseconds);
  uint64_t count() const { return count_; }
  int64_t max() const { return max_; }
  double mean() const;
  // The smallest value that at least a share `q` of all values do not exceed (0 < q <= 1), as the
  // middle of its bucket; 0 where nothing was added.
  int64_t Quantile(double q) const;

 private:
  static constexpr int kSubBits = 7;
  static constexpr int kMaxBits = 42;  // 73 minutes; what is longer counts as that
  static constexpr size_t kBuckets = static_cast<size_t>(kMaxBits - kSubBits + 1) << kSubBits;

  static size_t Index(uint64_t value);
  static int64_t Middle(size_t index);

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace hearth::load
