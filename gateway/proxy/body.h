#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/http/message.h"
#include "core/http/parser.h"

namespace hearth::proxy {

// Payload found in one stretch of received bytes, as views into them.
struct BodyBatch {
  static constexpr size_t kMost = 32;
  std::array<iovec, kMost> pieces;
  size_t count = 0;
  size_t payload = 0;   // bytes in all pieces
  size_t consumed = 0;  // bytes of the input that are dealt with
  bool last = false;    // the body ends here
};

// Finds the end of one message's body and its payload, whatever its framing. No I/O; reused from
// message to message.
class BodyReader {
 public:
  void Start(http::BodyKind kind, uint64_t length);
  // Takes from the front of `input`; false: the bytes are no valid body (error()). Call again with
  // the rest while input is left and the batch is not the last.
  bool Take(std::string_view input, BodyBatch* batch);
  bool done() const { return done_; }
  // Payload still to come where its length is known and nothing stands between; else 0.
  uint64_t plain_remaining() const { return kind_ == http::BodyKind::kLength ? remaining_ : 0; }
  // So much of it has been moved without being looked at.
  void Skip(uint64_t n) {
    remaining_ -= n;
    done_ = remaining_ == 0;
  }
  // The peer has closed: true where that is how this body ends.
  bool EndsAtClose() const { return kind_ == http::BodyKind::kUntilClose; }
  std::string_view trailer() const { return chunked_.trailer(); }
  http::ParseError error() const { return chunked_.error(); }

 private:
  http::BodyKind kind_ = http::BodyKind::kNone;
  bool done_ = true;
  uint64_t remaining_ = 0;
  http::ChunkedDecoder chunked_;
};

// A batch as it goes on the wire in the framing of the other side: at most one chunk.
class FramedBatch {
 public:
  // `head` goes first, may be empty. `trailer` only with the last batch of a chunked body.
  FramedBatch(std::string_view head, http::BodyKind framing, const BodyBatch& batch,
              std::string_view trailer);
  std::span<const iovec> pieces() const { return {pieces_.data(), count_}; }

 private:
  void Add(std::string_view s) {
    if (!s.empty()) pieces_[count_++] = {const_cast<char*>(s.data()), s.size()};
  }
  std::array<iovec, BodyBatch::kMost + 6> pieces_;
  size_t count_ = 0;
  char size_line_[20];
};

}  // namespace hearth::proxy
