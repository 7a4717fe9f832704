#include <algorithm>
#include <cstring>

#include "core/http/parser.h"
#include "core/http/tables.h"

namespace hearth::http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Fields that change how a message is framed or routed may not come after it (RFC 9110 §6.5.1).
bool IsForbiddenInTrailer(std::string_view name) {
  return IsHopByHop(name) || EqualsIgnoreCase(name, "Content-Length") ||
         EqualsIgnoreCase(name, "Host") || EqualsIgnoreCase(name, "Authorization");
}

// `line` without its CR LF.
bool IsTrailerLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  return AllAre(kTokenChar, name) && AllAre(kValueChar, line.substr(colon + 1)) &&
         !IsForbiddenInTrailer(name);
}

}  // namespace

ChunkedDecoder::~ChunkedDecoder() { delete[] trailer_buffer_; }

void ChunkedDecoder::Reset() {
  state_ = State::kSize;
  error_ = ParseError::kNone;
  remaining_ = 0;
  size_digits_ = 0;
  extension_ = 0;
  trailer_size_ = 0;
  trailer_line_ = 0;
}

ChunkedDecoder::Result ChunkedDecoder::Fail(ParseError error) {
  state_ = State::kError;
  error_ = error;
  return {ParseState::kError, 0, {}};
}

// One byte of a trailer line. True: the empty line that ends the message is complete.
bool ChunkedDecoder::TakeTrailerByte(char c) {
  if (trailer_size_ == limits_.trailer) {
    Fail(ParseError::kTrailerTooLarge);
    return false;
  }
  if (trailer_buffer_ == nullptr) trailer_buffer_ = new char[limits_.trailer];
  trailer_buffer_[trailer_size_++] = c;
  if (c != '\n') return false;
  const std::string_view line(trailer_buffer_ + trailer_line_, trailer_size_ - trailer_line_);
  if (line == "\r\n") {
    trailer_size_ = trailer_line_;
    return true;
  }
  if (line.size() < 2 || line[line.size() - 2] != '\r' ||
      !IsTrailerLine(line.substr(0, line.size() - 2))) {
    Fail(ParseError::kBadTrailer);
    return false;
  }
  trailer_line_ = trailer_size_;
  return false;
}

ChunkedDecoder::Result ChunkedDecoder::Feed(std::string_view input) {
  size_t at = 0;
  if (state_ == State::kDone) return {ParseState::kDone, 0, {}};
  if (state_ == State::kError) return {ParseState::kError, 0, {}};
  while (at < input.size()) {
    const char c = input[at];
    switch (state_) {
      case State::kSize: {
        if (const int digit = HexValue(c); digit >= 0) {
          if (++size_digits_ > 15) return Fail(ParseError::kBadChunkSize);
          remaining_ = remaining_ * 16 + static_cast<uint64_t>(digit);
        } else if (size_digits_ == 0) {
          return Fail(ParseError::kBadChunkSize);
        } else if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (c == ';') {
          state_ = State::kExtension;
        } else {
          return Fail(ParseError::kBadChunkSize);
        }
        ++at;
        break;
      }
      case State::kExtension:
        if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (!Is(kValueChar, c)) {
          return Fail(ParseError::kBadChunkSize);
        } else if (++extension_ > limits_.chunk_extension) {
          return Fail(ParseError::kChunkExtensionTooLong);
        }
        ++at;
        break;
      case State::kSizeLf:
        if (c != '\n') return Fail(ParseError::kBadChunkSize);
        state_ = remaining_ == 0 ? State::kTrailer : State::kData;
        size_digits_ = 0;
        extension_ = 0;
        ++at;
        break;
      case State::kData: {
        const auto n = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size() - at));
        remaining_ -= n;
        if (remaining_ == 0) state_ = State::kDataCr;
        return {ParseState::kNeedMore, at + n, input.substr(at, n)};
      }
      case State::kDataCr:
        if (c != '\r') return Fail(ParseError::kBadChunkEnd);
        state_ = State::kDataLf;
        ++at;
        break;
      case State::kDataLf:
        if (c != '\n') return Fail(ParseError::kBadChunkEnd);
        state_ = State::kSize;
        ++at;
        break;
      case State::kTrailer:
        ++at;
        if (TakeTrailerByte(c)) {
          state_ = State::kDone;
          return {ParseState::kDone, at, {}};
        }
        if (error_ != ParseError::kNone) return {ParseState::kError, 0, {}};
        break;
      case State::kDone:
      case State::kError:
        return {ParseState::kError, 0, {}};
    }
  }
  return {ParseState::kNeedMore, at, {}};
}

}  // namespace hearth::http
