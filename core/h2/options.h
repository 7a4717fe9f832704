#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/http/message.h"

namespace hearth::h2 {

// Bounds of one connection. What one may cost: connection_window of bodies coming in, and
// max_streams × payload_limit of bodies going out to a peer that does not read.
struct Options {
  uint32_t max_streams = 128;                // at once; more are refused and may be sent again
  uint32_t stream_window = 128 * 1024;       // unread bytes of one body that comes in
  uint32_t connection_window = 1024 * 1024;  // of all bodies together
  size_t payload_limit = 64 * 1024;          // of one body on its way out
  size_t max_header_list = 64 * 1024;        // past it: 431
  Duration idle_timeout = std::chrono::seconds(75);   // no stream open; then GOAWAY
  Duration head_timeout = std::chrono::seconds(10);   // preface, and each header block
  Duration write_timeout = std::chrono::seconds(60);  // the peer reads nothing
  Duration linger_timeout = std::chrono::seconds(1);  // reading on after the last frame
  http::Limits limits;                                // of the text, both ways
};

}  // namespace hearth::h2
