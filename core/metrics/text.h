#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/metrics/slab.h"

namespace hearth::metrics {

// Writes Prometheus text exposition (version 0.0.4). For programs that must not link a library for
// it; the gateway and the controller use prometheus-cpp's serializer.
class TextWriter {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Starts a family; its samples follow. `type`: "counter", "gauge" or "histogram".
  void Family(std::string_view name, std::string_view type, std::string_view help);
  void Sample(Labels labels, double value);
  void Sample(Labels labels, uint64_t value);
  void Sample(Labels labels, const HistogramSnapshot& histogram);  // in seconds
  std::string Take() { return std::move(out_); }

 private:
  void Line(std::string_view suffix, Labels labels, std::string_view le, std::string_view value);
  std::string family_;
  std::string out_;
};

}  // namespace hearth::metrics
