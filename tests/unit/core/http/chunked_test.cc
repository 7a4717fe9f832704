#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/http/parser.h"

namespace hearth::http {
namespace {

struct Outcome {
  ParseState state = ParseState::kNeedMore;
  ParseError error = ParseError::kNone;
  std::string payload;
  std::string trailer;
  std::string rest;
};

Outcome Decode(std::string_view input, const Limits& limits = {}) {
  ChunkedDecoder decoder(limits);
  Outcome out;
  while (out.state == ParseState::kNeedMore && !input.empty()) {
    const ChunkedDecoder::Result result = decoder.Feed(input);
    out.state = result.state;
    out.payload.append(result.payload);
    input.remove_prefix(result.consumed);
  }
  out.error = decoder.error();
  out.trailer = decoder.trailer();
  out.rest = input;
  return out;
}

TEST_CASE("chunked bodies") {
  struct Case {
    std::string text, payload, trailer, rest;
  };
  const std::vector<Case> cases = {
      {"0\r\n\r\n", "", "", ""},
      {"5\r\nhello\r\n0\r\n\r\nGET /", "hello", "", "GET /"},
      {"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", "", ""},
      {"00005;name=\"v\"; x\r\nhello\r\n000\r\n\r\n", "hello", "", ""},
      {"1\r\na\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\nrest", "a", "X-Sum: 1\r\nY:\r\n", "rest"},
      {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", ""},
      // What a receiver could take for the sender's or the platform's word is left out.
      {"0\r\nA: 1\r\nX-Forwarded-For: 6.6.6.6\r\nx-hearth-token: t\r\nX-Forwarded-Port: 1\r\n"
       "Cookie: a\r\ngrpc-status: 0\r\nContent-Type: x\r\n\r\n",
       "", "A: 1\r\ngrpc-status: 0\r\n", ""},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.text) {
      const Outcome out = Decode(c.text);
      CHECK(out.state == ParseState::kDone);
      CHECK(out.payload == c.payload);
      CHECK(out.trailer == c.trailer);
      CHECK(out.rest == c.rest);
    }
  }
}

TEST_CASE("malformed chunked bodies") {
  Limits limits;
  limits.chunk_extension = 8;
  limits.trailer = 16;
  struct Case {
    std::string text;
    ParseError want;
  };
  const std::vector<Case> cases = {
      {"\r\n", ParseError::kBadChunkSize},
      {";x\r\n", ParseError::kBadChunkSize},
      {"-5\r\n", ParseError::kBadChunkSize},
      {"+5\r\n", ParseError::kBadChunkSize},
      {"0x5\r\n", ParseError::kBadChunkSize},
      {" 5\r\n", ParseError::kBadChunkSize},
      {"5 \r\n", ParseError::kBadChunkSize},
      {"5\n", ParseError::kBadChunkSize},
      {"5\rX", ParseError::kBadChunkSize},
      {"5;a\nb\r\n", ParseError::kBadChunkSize},
      {"1000000000000000\r\n", ParseError::kBadChunkSize},
      {"ffffffffffffffff\r\n", ParseError::kBadChunkSize},
      {"5;123456789\r\n", ParseError::kChunkExtensionTooLong},
      {"1\r\nab", ParseError::kBadChunkEnd},
      {"1\r\na\n", ParseError::kBadChunkEnd},
      {"1\r\na\rb", ParseError::kBadChunkEnd},
      {"0\r\nX\r\n", ParseError::kBadTrailer},
      {"0\r\nX: 1\n", ParseError::kBadTrailer},
      {"0\r\n X: 1\r\n", ParseError::kBadTrailer},
      {"0\r\n\n", ParseError::kBadTrailer},
      {"0\r\nTE: x\r\n", ParseError::kBadTrailer},
      {"0\r\nHost: x\r\n", ParseError::kBadTrailer},
      {"0\r\nExpect: x\r\n", ParseError::kBadTrailer},
      {"0\r\nCookie: 1\r\nCookie: 2\r\n", ParseError::kTrailerTooLarge},
      {"0\r\nX: a\x01\r\n", ParseError::kBadTrailer},
      {"0\r\nX: 123456789012345\r\n", ParseError::kTrailerTooLarge},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.text) {
      const Outcome out = Decode(c.text, limits);
      CHECK(out.state == ParseState::kError);
      CHECK(NameOf(out.error) == NameOf(c.want));
    }
  }
}

TEST_CASE("a decoder serves one body after another") {
  ChunkedDecoder decoder;
  CHECK(decoder.Feed("0\r\nA: 1\r\n\r\n").state == ParseState::kDone);
  CHECK(decoder.trailer() == "A: 1\r\n");
  CHECK(decoder.Feed("more").consumed == 0);
  decoder.Reset();
  CHECK(decoder.trailer().empty());
  CHECK(decoder.Feed("2\r\nhi").payload == "hi");
  CHECK(decoder.Feed("x").state == ParseState::kError);
  decoder.Reset();
  CHECK(decoder.Feed("0\r\n\r\n").state == ParseState::kDone);
}

}  // namespace
}  // namespace hearth::http
