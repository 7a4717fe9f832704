#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace hearth::metrics {

// A number with one writing thread and any number of readers: a plain load and store, about one
// nanosecond. Each loop has its own; a scrape adds them up.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Likewise, but it goes down as well.
class Gauge {
 public:
  void Add(int64_t n) { Set(Value() + n); }
  void Set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Upper bounds of a histogram's buckets, ascending; a last one without a bound follows. Made once,
// outlives the histograms that use it.
class Buckets {
 public:
  explicit Buckets(std::vector<Duration> bounds);
  // 1 ms, 2.5 ms, 5 ms … 60 s: twelve bounds for durations of requests.
  static const Buckets& Requests();
  // 1 ms … 10 s for the stages of a cold start.
  static const Buckets& ColdStart();
  std::span<const Duration> bounds() const { return bounds_; }
  size_t size() const { return bounds_.size() + 1; }
  size_t IndexOf(Duration value) const;

 private:
  std::vector<Duration> bounds_;
};

// The state of a histogram at one moment, or the sum of several.
struct HistogramSnapshot {
  const Buckets* buckets = nullptr;
  std::vector<uint64_t> counts;  // by bucket, not cumulative
  Duration sum{};
  uint64_t count = 0;
  void Merge(const HistogramSnapshot& other);  // of the same buckets
  // An upper bound of the given quantile (0…1); zero where nothing was recorded.
  Duration Quantile(double q) const;
};

// Durations by bucket. One writing thread, any number of readers; a reader may see a value counted
// before its sum, never a torn one. Holds no memory until the first value.
class Histogram {
 public:
  explicit Histogram(const Buckets& buckets) : buckets_(&buckets) {}
  ~Histogram() { delete[] cells_.load(std::memory_order_relaxed); }
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  void Observe(Duration value);
  HistogramSnapshot Snapshot() const;

 private:
  const Buckets* buckets_;
  std::atomic<std::atomic<uint64_t>*> cells_{nullptr};  // counts by bucket, then the sum in ns
};

}  // namespace hearth::metrics
