#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/http/trace_context.h"

namespace hearth::gateway::trace {

// One request as a collector is told of it. A value.
struct Span {
  http::TraceContext context;  // of this span
  std::string parent_span_id;  // 16 digits; empty: the trace began here
  std::string tracestate;
  WallTime start{};
  Duration queued{};      // from the start on: to the slot
  Duration first_byte{};  // to the response head; zero: there was none
  Duration total{};
  std::string method, path, function, ns, replica, call_id, client_ip, user_agent, reason;
  int status = 0;
  uint32_t attempts = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  bool cold = false;
};

}  // namespace hearth::gateway::trace
