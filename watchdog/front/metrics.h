#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/clock.h"
#include "core/metrics/slab.h"
#include "core/metrics/text.h"
#include "watchdog/front/events.h"

namespace hearth::watchdog {

// What the replica counts about its requests, under of-watchdog's names. Series are found by (code,
// method); methods that are not HTTP's own count as "other", so that a caller cannot make series.
// Belongs to the loop's thread.
class RequestMetrics {
 public:
  RequestMetrics();
  void Record(int code, std::string_view method, Duration taken);
  void Count(CallEvent event, std::string_view reason) { ++events_[CallEventIndex(event, reason)]; }
  void Write(metrics::TextWriter* out) const;

 private:
  struct Series {
    explicit Series(const metrics::Buckets& buckets) : durations(buckets) {}
    uint64_t count = 0;
    metrics::Histogram durations;
  };
  void WriteEvents(metrics::TextWriter* out) const;

  std::array<uint64_t, kCallEventList.size()> events_{};
  metrics::Buckets buckets_;
  std::map<std::pair<int, std::string_view>, Series> series_;
};

}  // namespace hearth::watchdog
