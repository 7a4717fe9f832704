#pragma once

#include <cstdint>

namespace hearth::watchdog {

// How far the function is.
enum class FunctionState : uint8_t {
  kStarting,  // has not answered yet
  kReady,
  kRestarting,  // was ready; its process ended and is started again
  kFailed,      // ended before it was ever ready: final
};

enum class Admission : uint8_t {
  kStart,   // a slot is free: begin
  kWait,    // takes a slot and waits for the function
  kBusy,    // 503, not started
  kFailed,  // 502
};

// Requests at once that wait for a function without a limit of its own.
inline constexpr uint32_t kMaxWaiting = 1024;

// Pure: what becomes of a request that arrives while `in_flight` hold slots. limit 0: none.
constexpr Admission Admit(FunctionState state, uint32_t in_flight, uint32_t limit) {
  if (state == FunctionState::kFailed) return Admission::kFailed;
  if (limit != 0 && in_flight >= limit) return Admission::kBusy;
  if (state == FunctionState::kReady) return Admission::kStart;
  return in_flight >= kMaxWaiting ? Admission::kBusy : Admission::kWait;
}

}  // namespace hearth::watchdog
