#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth::watchdog {

// What goes other than a caller would wish, one family of counters each.
enum class CallEvent : uint8_t {
  kRefusal,  // the watchdog answered by itself
  kReset,    // a connection ended with a request inside it
  kTimeout,  // a time limit was reached
};
inline constexpr size_t kCallEvents = 3;

struct CallEventInfo {
  CallEvent kind;
  std::string_view reason;
};

// The closed list of reasons. What the HTTP parser refuses is "bad_request": the gateway, which
// lets none of it through, counts it by its name. A reason that is not here counts as the last of
// its kind.
inline constexpr auto kCallEventList = std::to_array<CallEventInfo>({
    {CallEvent::kRefusal, "busy"},
    {CallEvent::kRefusal, "not_ready"},
    {CallEvent::kRefusal, "timeout"},
    {CallEvent::kRefusal, "crashed"},
    {CallEvent::kRefusal, "bad_response"},
    {CallEvent::kRefusal, "unreachable"},
    {CallEvent::kRefusal, "error"},
    {CallEvent::kRefusal, "init_failed"},
    {CallEvent::kRefusal, "unauthorized"},
    {CallEvent::kRefusal, "not_found"},
    {CallEvent::kRefusal, "method_not_allowed"},
    {CallEvent::kRefusal, "body_too_large"},
    {CallEvent::kRefusal, "body_cut_off"},
    {CallEvent::kRefusal, "slow_request"},
    {CallEvent::kRefusal, "bad_request"},
    {CallEvent::kReset, "client_closed"},
    {CallEvent::kReset, "timeout"},
    {CallEvent::kReset, "crashed"},
    {CallEvent::kReset, "bad_response"},
    {CallEvent::kReset, "error"},
    {CallEvent::kReset, "truncated"},
    {CallEvent::kReset, "body_too_large"},
    {CallEvent::kReset, "body_cut_off"},
    {CallEvent::kReset, "slow_request"},
    {CallEvent::kReset, "bad_request"},
    {CallEvent::kTimeout, "ready"},          // the function did not become ready
    {CallEvent::kTimeout, "response_head"},  // it did not answer
    {CallEvent::kTimeout, "stream_idle"},    // it fell silent
    {CallEvent::kTimeout, "max_duration"},
    {CallEvent::kTimeout, "request_head"},
    {CallEvent::kTimeout, "request_body"},
    {CallEvent::kTimeout, "idle"},    // a caller's connection without a request
    {CallEvent::kTimeout, "linger"},  // a caller went on sending after it was answered
    {CallEvent::kTimeout, "write"},   // a caller did not take its answer
});

constexpr size_t CallEventIndex(CallEvent kind, std::string_view reason) {
  size_t last = 0;
  for (size_t i = 0; i < kCallEventList.size(); ++i) {
    if (kCallEventList[i].kind != kind) continue;
    last = i;
    if (kCallEventList[i].reason == reason) return i;
  }
  return last;
}

}  // namespace hearth::watchdog
