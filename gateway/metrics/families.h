#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/metrics/slab.h"

namespace hearth::gateway {

// Builds the families of one scrape. A value like any other: no thread, no owner.
class FamilyBuilder {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  FamilyBuilder(std::string_view name, prometheus::MetricType type, std::string_view help);
  void Add(Labels labels, double value) { Add(std::span(labels.begin(), labels.size()), value); }
  void Add(std::span<const Label> labels, double value);
  void Add(Labels labels, const metrics::HistogramSnapshot& histogram);  // in seconds
  bool empty() const { return family_.metric.empty(); }
  prometheus::MetricFamily Take() { return std::move(family_); }

 private:
  prometheus::ClientMetric& NewMetric(std::span<const Label> labels);
  prometheus::MetricFamily family_;
};

}  // namespace hearth::gateway
