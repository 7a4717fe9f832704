#include "watchdog/front/metrics.h"

#include <vector>

namespace hearth::watchdog {
namespace {

std::string_view MethodLabel(std::string_view method) {
  struct Name {
    std::string_view method, label;
  };
  static constexpr Name kNames[] = {
      {"GET", "get"},         {"POST", "post"},       {"PUT", "put"},
      {"DELETE", "delete"},   {"HEAD", "head"},       {"PATCH", "patch"},
      {"OPTIONS", "options"}, {"CONNECT", "connect"}, {"TRACE", "trace"}};
  for (const Name& n : kNames) {
    if (n.method == method) return n.label;
  }
  return "other";
}

std::vector<Duration> DefaultBounds() {
  std::vector<Duration> bounds;
  for (int ms : {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}) {
    bounds.push_back(std::chrono::milliseconds(ms));
  }
  return bounds;
}

}  // namespace

RequestMetrics::RequestMetrics() : buckets_(DefaultBounds()) {}

void RequestMetrics::Record(int code, std::string_view method, Duration taken) {
  const auto it = series_.try_emplace({code, MethodLabel(method)}, buckets_).first;
  ++it->second.count;
  it->second.durations.Observe(taken);
}

void RequestMetrics::WriteEvents(metrics::TextWriter* out) const {
  struct Family {
    const char *name, *label, *help;
  };
  constexpr Family kFamilies[kCallEvents] = {
      {"hearth_watchdog_refusals_total", "reason",
       "Requests that the watchdog answered by itself."},
      {"hearth_watchdog_resets_total", "reason", "Connections that ended with a request inside."},
      {"hearth_watchdog_timeouts_total", "kind", "Time limits that were reached."}};
  size_t last = kCallEvents;
  for (size_t i = 0; i < kCallEventList.size(); ++i) {
    const auto kind = static_cast<size_t>(kCallEventList[i].kind);
    if (kind != last) out->Family(kFamilies[kind].name, "counter", kFamilies[kind].help);
    last = kind;
    if (events_[i] == 0) continue;
    out->Sample({{kFamilies[kind].label, kCallEventList[i].reason}}, events_[i]);
  }
}

void RequestMetrics::Write(metrics::TextWriter* out) const {
  WriteEvents(out);
  out->Family("http_requests_total", "counter", "Requests answered.");
  for (const auto& [key, s] : series_) {
    out->Sample({{"code", std::to_string(key.first)}, {"method", key.second}}, s.count);
  }
  out->Family("http_request_duration_seconds", "histogram",
              "Time from receipt to the answer's end.");
  for (const auto& [key, s] : series_) {
    out->Sample({{"code", std::to_string(key.first)}, {"method", key.second}},
                s.durations.Snapshot());
  }
}

}  // namespace hearth::watchdog
