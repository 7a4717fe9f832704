#include "core/metrics/slab.h"

#include <algorithm>
#include <utility>

namespace hearth::metrics {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

Buckets::Buckets(std::vector<Duration> bounds) : bounds_(std::move(bounds)) {}

const Buckets& Buckets::Requests() {
  static const Buckets buckets({milliseconds(1), microseconds(2500), milliseconds(5),
                                milliseconds(10), milliseconds(25), milliseconds(100),
                                milliseconds(250), seconds(1), microseconds(2'500'000), seconds(10),
                                seconds(30), seconds(60)});
  return buckets;
}

const Buckets& Buckets::ColdStart() {
  static const Buckets buckets({milliseconds(1), microseconds(2500), milliseconds(5),
                                milliseconds(10), milliseconds(25), milliseconds(50),
                                milliseconds(100), milliseconds(250), milliseconds(500), seconds(1),
                                microseconds(2'500'000), seconds(10)});
  return buckets;
}

size_t Buckets::IndexOf(Duration value) const {
  return static_cast<size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) -
                             bounds_.begin());
}

void HistogramSnapshot::Merge(const HistogramSnapshot& other) {
  if (buckets == nullptr) buckets = other.buckets;
  if (counts.size() < other.counts.size()) counts.resize(other.counts.size());
  for (size_t i = 0; i < other.counts.size(); ++i) counts[i] += other.counts[i];
  sum += other.sum;
  count += other.count;
}

Duration HistogramSnapshot::Quantile(double q) const {
  if (count == 0 || buckets == nullptr) return Duration(0);
  const auto rank = static_cast<uint64_t>(std::clamp(q, 0.0, 1.0) * static_cast<double>(count - 1));
  uint64_t seen = 0;
  const auto bounds = buckets->bounds();
  for (size_t i = 0; i < bounds.size(); ++i) {
    seen += counts[i];
    if (seen > rank) return bounds[i];
  }
  return Duration::max();
}

void Histogram::Observe(Duration value) {
  std::atomic<uint64_t>* cells = cells_.load(std::memory_order_relaxed);
  if (cells == nullptr) {
    cells = new std::atomic<uint64_t>[buckets_->size() + 1]();
    cells_.store(cells, std::memory_order_release);
  }
  const auto add = [](std::atomic<uint64_t>& cell, uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  };
  add(cells[buckets_->IndexOf(value)], 1);
  add(cells[buckets_->size()], static_cast<uint64_t>(std::max<int64_t>(0, value.count())));
}

HistogramSnapshot Histogram::Snapshot() const {
  HistogramSnapshot snapshot;
  snapshot.buckets = buckets_;
  snapshot.counts.resize(buckets_->size());
  const std::atomic<uint64_t>* cells = cells_.load(std::memory_order_acquire);
  if (cells == nullptr) return snapshot;
  for (size_t i = 0; i < snapshot.counts.size(); ++i) {
    snapshot.counts[i] = cells[i].load(std::memory_order_relaxed);
    snapshot.count += snapshot.counts[i];
  }
  snapshot.sum =
      Duration(static_cast<int64_t>(cells[buckets_->size()].load(std::memory_order_relaxed)));
  return snapshot;
}

}  // namespace hearth::metrics
