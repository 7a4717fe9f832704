#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/http/message.h"

namespace hearth::proxy {

// Limits and times of the data path; what belongs to one function comes with its route instead.
struct Options {
  std::string version = "0";  // shown in X-Served-By as "hearth/<version>"
  http::Limits limits;

  // Takes up or begins W3C traces; off: their fields pass as any other.
  bool tracing = false;
  double trace_ratio = 1;  // of traces that begin here, those that are kept
  // When answers of functions say in Server-Timing where their time went.
  enum class Timing : uint8_t { kNever, kOnRequest, kAlways };
  Timing server_timing = Timing::kOnRequest;

  Duration header_timeout = std::chrono::seconds(10);  // first byte of a head → its end; then 408
  Duration body_idle_timeout = std::chrono::seconds(30);  // silence inside a request body; then 408
  Duration keep_alive_timeout = std::chrono::seconds(75);
  Duration connect_timeout = std::chrono::seconds(1);
  Duration upstream_idle_timeout = std::chrono::seconds(60);
  Duration tls_handshake_timeout = std::chrono::seconds(10);
  Duration linger_timeout = std::chrono::seconds(2);  // reading on after an early final answer
  Duration tunnel_close_timeout = std::chrono::seconds(5);  // after a close frame was put in

  size_t max_idle_upstreams = 4096;    // of one replica on one loop: a peak must not churn them
  size_t high_watermark = 64 * 1024;  // bytes waiting for a slow reader: stop reading
  size_t low_watermark = 32 * 1024;   // and go on below this
  size_t replay_limit = 64 * 1024;     // of a request body kept for another attempt
  uint32_t max_connections = 60000;    // of one loop; past it accepting pauses
  uint16_t redirect_port = 0;          // of TLS, for listeners of kind kRedirect
  uint32_t max_connect_attempts = 3;   // where failing replicas may not be set aside
};

// How long a gateway that leaves waits for what.
struct DrainTimes {
  Duration grace{};  // for requests under way; what is left then is cut off
  // For a connection between two requests: the client may be sending the next one at this moment,
  // so it is served, with Connection: close. Afterwards the connection is half-closed.
  Duration idle{};
};

}  // namespace hearth::proxy
