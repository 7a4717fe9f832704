#pragma once

#include <span>

#include "core/net/buffer.h"
#include "core/net/stream.h"

namespace hearth::proxy {

// Bytes on their way into one stream: written at once as far as the stream takes them, the rest
// kept in order. Bounded by its user, who stops reading from the other side above a watermark.
class Outbox {
 public:
  explicit Outbox(net::BufferPool* pool) : kept_(pool) {}

  // False: the connection is dead.
  bool Send(net::Stream& stream, std::span<const iovec> pieces) {
    size_t written = 0;
    if (kept_.empty()) {
      const net::IoResult result = stream.Write(pieces);
      if (result.status == net::IoStatus::kReset) return false;
      written = result.bytes;
    }
    for (const iovec& piece : pieces) {
      if (written >= piece.iov_len) {
        written -= piece.iov_len;
        continue;
      }
      kept_.append(static_cast<const char*>(piece.iov_base) + written, piece.iov_len - written);
      written = 0;
    }
    return true;
  }
  // When the stream is writable again. False: the connection is dead.
  bool Flush(net::Stream& stream) {
    while (!kept_.empty()) {
      const net::IoResult result = net::WriteAllOf(stream, kept_.view());
      if (result.status == net::IoStatus::kReset) return false;
      if (result.bytes == 0) return true;
      const bool whole = result.bytes == kept_.size();
      kept_.Consume(result.bytes);
      if (!whole) return true;
    }
    kept_.Release();
    return true;
  }
  size_t pending() const { return kept_.size(); }
  void Clear() { kept_.Release(); }

 private:
  net::Buffer kept_;
};

}  // namespace hearth::proxy
