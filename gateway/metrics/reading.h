#pragma once

#include <prometheus/metric_type.h>

#include <string>

namespace hearth::gateway {

// A number that somebody else keeps, asked for at each scrape.
struct Reading {
  std::string name;
  std::string help;
  prometheus::MetricType type = prometheus::MetricType::Gauge;
  double value = 0;
};

}  // namespace hearth::gateway
