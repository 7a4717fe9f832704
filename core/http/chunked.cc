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

enum class TrailerRule : uint8_t { kBad, kLeaveOut, kKeep };

// Fields that change how a message is framed, routed or authenticated may not come after it (RFC
// 9110 §6.5.1). What describes the body or tells where a request came from means nothing there, but
// many receivers merge the trailer into the head.
TrailerRule RuleFor(std::string_view name) {
  const FieldId id = FieldIdOf(name);
  if (IsHopByHop(id) || id == FieldId::kContentLength || id == FieldId::kHost ||
      id == FieldId::kExpect || EqualsIgnoreCase(name, "Authorization")) {
    return TrailerRule::kBad;
  }
  if (id != FieldId::kOther && id != FieldId::kUserAgent) return TrailerRule::kLeaveOut;
  if (name.size() > 11 && EqualsIgnoreCase(name.substr(0, 11), "X-Forwarded")) {
    return TrailerRule::kLeaveOut;
  }
  for (const std::string_view other : {"Forwarded", "X-Real-Ip", "Cookie", "Set-Cookie",
                                       "Content-Type", "Content-Encoding", "Content-Range"}) {
    if (EqualsIgnoreCase(name, other)) return TrailerRule::kLeaveOut;
  }
  return TrailerRule::kKeep;
}

// `line` without its CR LF.
TrailerRule CheckTrailerLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return TrailerRule::kBad;
  const std::string_view name = line.substr(0, colon);
  if (!AllAre(kTokenChar, name) || !AllAre(kValueChar, line.substr(colon + 1))) {
    return TrailerRule::kBad;
  }
  return RuleFor(name);
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
  trailer_seen_ = 0;
  trailer_line_ = 0;
}

ChunkedDecoder::Result ChunkedDecoder::Fail(ParseError error) {
  state_ = State::kError;
  error_ = error;
  return {ParseState::kError, 0, {}};
}

// One byte of a trailer line. True: the empty line that ends the message is complete.
bool ChunkedDecoder::TakeTrailerByte(char c) {
  if (trailer_seen_ == limits_.trailer) {
    Fail(ParseError::kTrailerTooLarge);
    return false;
  }
  if (trailer_buffer_ == nullptr) trailer_buffer_ = new char[limits_.trailer];
  ++trailer_seen_;
  trailer_buffer_[trailer_size_++] = c;
  if (c != '\n') return false;
  const std::string_view line(trailer_buffer_ + trailer_line_, trailer_size_ - trailer_line_);
  if (line == "\r\n") {
    trailer_size_ = trailer_line_;
    return true;
  }
  const bool ends_well = line.size() >= 2 && line[line.size() - 2] == '\r';
  const TrailerRule rule =
      ends_well ? CheckTrailerLine(line.substr(0, line.size() - 2)) : TrailerRule::kBad;
  if (rule == TrailerRule::kBad) {
    Fail(ParseError::kBadTrailer);
    return false;
  }
  if (rule == TrailerRule::kLeaveOut) trailer_size_ = trailer_line_;
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
