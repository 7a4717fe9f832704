#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/http/parser.h"

namespace hearth::http {
namespace {

TEST_CASE("how long a response is") {
  struct Case {
    std::string name, method, text;
    BodyKind body;
    uint64_t length;
    bool keep_alive;
  };
  const std::vector<Case> cases = {
      {"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", BodyKind::kLength, 5, true},
      {"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
       BodyKind::kChunked, 0, true},
      {"neither", "GET", "HTTP/1.1 200 OK\r\n\r\n", BodyKind::kUntilClose, 0, false},
      {"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", BodyKind::kNone, 5, true},
      {"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", BodyKind::kNone, 0, true},
      {"204 that announces a body", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
       BodyKind::kNone, 5, false},
      {"204 that announces chunks", "GET",
       "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", BodyKind::kNone, 0, false},
      {"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
       BodyKind::kNone, 9, true},
      {"100", "POST", "HTTP/1.1 100 Continue\r\n\r\n", BodyKind::kNone, 0, true},
      {"101", "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", BodyKind::kNone, 0, true},
      {"CONNECT", "CONNECT", "HTTP/1.1 200 OK\r\n\r\n", BodyKind::kNone, 0, true},
      {"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", BodyKind::kLength, 0,
       false},
      {"HTTP/1.0 kept", "GET",
       "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", BodyKind::kLength,
       0, true},
      {"closed", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
       BodyKind::kLength, 0, false},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      HeadParser parser;
      ResponseHead head;
      REQUIRE(parser.ParseResponse(c.text, c.method, &head) == ParseState::kDone);
      CHECK(head.body == c.body);
      CHECK(head.content_length == c.length);
      CHECK(head.keep_alive == c.keep_alive);
      CHECK(head.size == c.text.size());
    }
  }
}

TEST_CASE("status lines") {
  struct Case {
    std::string line;
    int status;
    std::string reason;
  };
  const std::vector<Case> good = {
      {"HTTP/1.1 200 OK", 200, "OK"},
      {"HTTP/1.1 200 ", 200, ""},
      {"HTTP/1.1 200", 200, ""},
      {"HTTP/1.0 599 Not quite \xC3\xA9", 599, "Not quite \xC3\xA9"},
  };
  for (const Case& c : good) {
    DYNAMIC_SECTION(c.line) {
      HeadParser parser;
      ResponseHead head;
      const std::string text = c.line + "\r\n\r\n";
      REQUIRE(parser.ParseResponse(text, "GET", &head) == ParseState::kDone);
      CHECK(head.status == c.status);
      CHECK(head.reason == c.reason);
    }
  }
  struct Bad {
    std::string text;
    ParseError want;
  };
  const std::vector<Bad> bad = {
      {"\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 20 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 2000 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 099 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1  200 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 200 O\x01K\r\n\r\n", ParseError::kBadStatusLine},
      {"ICY 200 OK     \r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/3.0 200 OK\r\n\r\n", ParseError::kBadVersion},
      {"HTTP/1.1 200 OK\n\r\n", ParseError::kBareLineFeed},
      {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", ParseError::kBadHeaderName},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       ParseError::kLengthAndChunked},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
       ParseError::kDuplicateContentLength},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       ParseError::kBadTransferEncoding},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       ParseError::kTransferEncodingInHttp10},
      {"HTTP/1.1 200 " + std::string(9000, 'a') + "\r\n\r\n", ParseError::kHeadTooLarge},
  };
  for (const Bad& c : bad) {
    DYNAMIC_SECTION(c.text.substr(0, 60)) {
      HeadParser parser;
      ResponseHead head;
      CHECK(parser.ParseResponse(c.text, "GET", &head) == ParseState::kError);
      CHECK(NameOf(parser.error()) == NameOf(c.want));
    }
  }
}

}  // namespace
}  // namespace hearth::http
