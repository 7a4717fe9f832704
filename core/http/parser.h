#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/http/message.h"

namespace hearth::http {

// Why bytes are not a message. Each maps to one status (StatusFor) and one stable name (NameOf),
// which goes into X-Hearth-Error and the rejection counter.
enum class ParseError : uint8_t {
  kNone,
  kBadRequestLine,
  kBadMethod,
  kBadTarget,
  kBadVersion,
  kBadHeaderName,   // includes white space before the colon
  kBadHeaderValue,  // control characters, NUL
  kObsoleteFold,
  kBareLineFeed,
  kBareCarriageReturn,
  kMissingHost,
  kMultipleHosts,
  kBadHost,
  kBadContentLength,  // not digits, overflow, a list
  kDuplicateContentLength,
  kLengthAndChunked,     // Content-Length together with Transfer-Encoding
  kBadTransferEncoding,  // anything but a single final "chunked"
  kTransferEncodingInHttp10,
  kRequestLineTooLong,
  kHeadTooLarge,
  kTooManyHeaders,
  kBadChunkSize,
  kChunkExtensionTooLong,
  kBadChunkEnd,
  kBadTrailer,
  kTrailerTooLarge,
  kUnknownExpectation,  // Expect with anything but "100-continue"
  kBadStatusLine,
};

int StatusFor(ParseError error);            // 400, 414, 417, 431, 501 or 505
std::string_view NameOf(ParseError error);  // "length_and_chunked"

enum class ParseState : uint8_t { kNeedMore, kDone, kError };

// Finds and checks one message head at the start of a growing buffer. Give it the whole unconsumed
// buffer each time; it remembers how far it has looked, so that a head that comes byte by byte
// costs linear time. The result does not depend on how the bytes were split. Stateless towards I/O;
// owned by one connection.
class HeadParser {
 public:
  explicit HeadParser(const Limits& limits = {}) : limits_(limits) {}

  // `head` holds views into `bytes`. Leading empty lines before a request line are skipped (RFC
  // 9112 §2.2) and counted in head->size.
  ParseState ParseRequest(std::string_view bytes, RequestHead* head);

  // `request_method` decides about a body: none for HEAD, and none in 1xx, 204, 304.
  ParseState ParseResponse(std::string_view bytes, std::string_view request_method,
                           ResponseHead* head);

  ParseError error() const { return error_; }
  void Reset() {
    scanned_ = line_start_ = 0;
    error_ = ParseError::kNone;
  }  // before the next message

 private:
  ParseState Scan(std::string_view bytes, size_t start, ParseError first_line_too_long);
  ParseState Fail(ParseError error);

  Limits limits_;
  size_t scanned_ = 0;     // bytes looked at
  size_t line_start_ = 0;  // of the line that `scanned_` is in
  size_t first_line_end_ = 0;
  ParseError error_ = ParseError::kNone;
};

// Splits a chunked body into its payload, without copying. Feed it what came; it returns the next
// piece of payload inside those bytes.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(const Limits& limits = {}) : limits_(limits) {}

  struct Result {
    ParseState state = ParseState::kNeedMore;  // kDone: the last chunk and the trailer are consumed
    size_t consumed = 0;       // bytes of the input that are dealt with, payload included
    std::string_view payload;  // inside the input; may be empty while state is kNeedMore
  };
  // Consumes until one piece of payload is found, the body ends, or the input does. Call again with
  // the rest while input is left.
  Result Feed(std::string_view input);

  // Trailer lines, "Name: value\r\n" each, checked; empty until kDone. Fields that a receiver who
  // merges them into the head could take for the sender's or the platform's word are left out.
  std::string_view trailer() const { return {trailer_buffer_, trailer_size_}; }
  ParseError error() const { return error_; }
  void Reset();
  ~ChunkedDecoder();
  ChunkedDecoder(const ChunkedDecoder&) = delete;
  ChunkedDecoder& operator=(const ChunkedDecoder&) = delete;

 private:
  enum class State : uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kDone,
    kError
  };
  Result Fail(ParseError error);
  bool TakeTrailerByte(char c);

  Limits limits_;
  State state_ = State::kSize;
  ParseError error_ = ParseError::kNone;
  uint64_t remaining_ = 0;  // of the current chunk
  uint32_t size_digits_ = 0;
  uint32_t extension_ = 0;
  char* trailer_buffer_ = nullptr;  // allocated at the first trailer byte that is not the end
  size_t trailer_size_ = 0;
  size_t trailer_seen_ = 0;  // bytes, with those of lines that were left out
  size_t trailer_line_ = 0;  // start of the line that is coming in
};

}  // namespace hearth::http
