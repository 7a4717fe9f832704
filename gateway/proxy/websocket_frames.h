#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::proxy {

// Follows the frame headers (RFC 6455 §5.2) in one direction of a tunnel, to know where a frame of
// one's own may be put in between. Payload is skipped, not looked at. No I/O.
class WebSocketFrames {
 public:
  // Returns how many of these bytes lie before the first boundary at which `stop` was wished, or
  // all of them. With `stop` false everything is followed.
  size_t Follow(std::string_view bytes, bool stop);
  // Between two frames: a frame may be put in here. Between the fragments of one message only
  // control frames may, and a close frame is one.
  bool at_boundary() const { return header_ == 0 && payload_ == 0; }
  bool closed() const { return close_seen_; }  // the function has sent a close frame itself

 private:
  unsigned header_ = 0;       // bytes of the current header so far
  unsigned header_size_ = 2;  // known after the second byte
  uint64_t payload_ = 0;      // bytes of the current payload still to come
  uint64_t length_ = 0;
  unsigned extended_ = 0;  // bytes of an extended length in this header
  uint8_t opcode_ = 0;
  bool close_seen_ = false;
};

// An unmasked close frame, status 1001 ("going away").
inline constexpr std::string_view kGoingAway{"\x88\x02\x03\xe9", 4};

}  // namespace hearth::proxy
