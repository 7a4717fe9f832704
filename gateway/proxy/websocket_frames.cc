#include "gateway/proxy/websocket_frames.h"

#include <algorithm>

namespace hearth::proxy {

size_t WebSocketFrames::Follow(std::string_view bytes, bool stop) {
  size_t at = 0;
  while (at < bytes.size()) {
    if (stop && at_boundary()) return at;
    if (payload_ > 0) {
      const auto skip = std::min<uint64_t>(payload_, bytes.size() - at);
      payload_ -= skip;
      at += static_cast<size_t>(skip);
      continue;
    }
    const auto byte = static_cast<uint8_t>(bytes[at++]);
    if (header_ == 0) {
      opcode_ = byte & 0x0f;
      header_size_ = 2;
      length_ = 0;
    } else if (header_ == 1) {
      const unsigned small = byte & 0x7f;
      if (small == 126) {
        header_size_ += 2;
      } else if (small == 127) {
        header_size_ += 8;
      } else {
        length_ = small;
      }
      if ((byte & 0x80) != 0) header_size_ += 4;  // a mask; a server must not, but it is followed
      extended_ = small == 126 ? 2 : small == 127 ? 8 : 0;
    } else if (header_ < 2 + extended_) {
      length_ = (length_ << 8) | byte;
    }
    if (++header_ == header_size_ && header_ >= 2) {
      header_ = 0;
      payload_ = length_;
      if (opcode_ == 0x8) close_seen_ = true;
    }
  }
  return at;
}

}  // namespace hearth::proxy
