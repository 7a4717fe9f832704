#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"

namespace hearth::watchdog {

// What the replica says about itself: docs/reference/replica.md, "Control".
struct Status {
  std::string_view function, ns, revision, replica;
  int pid = 0;
  std::string_view state;  // "starting", "ready", "draining", "failed"
  std::string_view reason;
  uint32_t in_flight = 0;
  uint64_t started_total = 0;
  uint64_t restarts = 0;
  std::string_view last_exit_reason;  // empty: none has ended
  WallTime last_exit_time{};
  std::optional<int64_t> init_ms;
  std::string address;
  const std::deque<std::string>* last_output = nullptr;  // shown when failed
};

// One line of JSON without its end. Pure.
std::string ToJson(const Status& status);

}  // namespace hearth::watchdog
