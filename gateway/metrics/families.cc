#include "gateway/metrics/families.h"

#include <limits>

#include "core/base/duration.h"

namespace hearth::gateway {

FamilyBuilder::FamilyBuilder(std::string_view name, prometheus::MetricType type,
                             std::string_view help) {
  family_.name = name;
  family_.type = type;
  family_.help = help;
}

prometheus::ClientMetric& FamilyBuilder::NewMetric(std::span<const Label> labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  for (const auto& [name, value] : labels) {
    metric.label.push_back({std::string(name), std::string(value)});
  }
  return metric;
}

void FamilyBuilder::Add(std::span<const Label> labels, double value) {
  prometheus::ClientMetric& metric = NewMetric(labels);
  if (family_.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void FamilyBuilder::Add(Labels labels, const metrics::HistogramSnapshot& histogram) {
  prometheus::ClientMetric::Histogram& out = NewMetric({labels.begin(), labels.size()}).histogram;
  uint64_t cumulative = 0;
  const auto bounds = histogram.buckets->bounds();
  for (size_t i = 0; i < histogram.buckets->size(); ++i) {
    cumulative += i < histogram.counts.size() ? histogram.counts[i] : 0;
    const double bound =
        i < bounds.size() ? ToSeconds(bounds[i]) : std::numeric_limits<double>::infinity();
    out.bucket.push_back({cumulative, bound});
  }
  // Of the same reading as the buckets, so that the last of them equals it.
  out.sample_count = cumulative;
  out.sample_sum = ToSeconds(histogram.sum);
}

}  // namespace hearth::gateway
