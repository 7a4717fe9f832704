#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/http/parser.h"

namespace hearth::http {

// Follows the body of one message, however its length is known, and says where it ends. Zero-copy
// like ChunkedDecoder. Owned by one connection, reused for each message.
class BodyReader {
 public:
  explicit BodyReader(const Limits& limits = {}) : chunked_(limits) {}

  void Start(BodyKind kind, uint64_t content_length) {
    kind_ = kind;
    remaining_ = content_length;
    if (kind == BodyKind::kChunked) chunked_.Reset();
    done_ = kind == BodyKind::kNone || (kind == BodyKind::kLength && content_length == 0);
  }

  // As ChunkedDecoder::Feed. kDone may come together with the last payload.
  ChunkedDecoder::Result Feed(std::string_view input) {
    if (done_) return {ParseState::kDone, 0, {}};
    if (kind_ == BodyKind::kUntilClose) return {ParseState::kNeedMore, input.size(), input};
    if (kind_ == BodyKind::kChunked) {
      const ChunkedDecoder::Result result = chunked_.Feed(input);
      done_ = result.state == ParseState::kDone;
      return result;
    }
    const auto n = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
    remaining_ -= n;
    done_ = remaining_ == 0;
    return {done_ ? ParseState::kDone : ParseState::kNeedMore, n, input.substr(0, n)};
  }

  // The sender has closed its side: true where that is a proper end of this body.
  bool EndOfInput() {
    if (kind_ == BodyKind::kUntilClose) done_ = true;
    return done_;
  }

  bool done() const { return done_; }
  std::string_view trailer() const {
    return kind_ == BodyKind::kChunked ? chunked_.trailer() : std::string_view();
  }
  ParseError error() const { return chunked_.error(); }

 private:
  BodyKind kind_ = BodyKind::kNone;
  bool done_ = true;
  uint64_t remaining_ = 0;
  ChunkedDecoder chunked_;
};

}  // namespace hearth::http
