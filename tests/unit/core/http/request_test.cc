#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/http/parser.h"

namespace hearth::http {
namespace {

ParseError ErrorOf(const std::string& text, const Limits& limits = {}) {
  HeadParser parser(limits);
  RequestHead head;
  const ParseState state = parser.ParseRequest(text, &head);
  CHECK((state == ParseState::kError) == (parser.error() != ParseError::kNone));
  CHECK(state != ParseState::kNeedMore);
  return parser.error();
}

TEST_CASE("a request head is taken apart") {
  const std::string text =
      "POST /function/echo?a=1&b=2 HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*  \r\n"
      "Content-Length: 12\r\nX-Empty:\r\nX-Tab:\ta\tb\t\r\n\r\nhello, world";
  HeadParser parser;
  RequestHead head;
  REQUIRE(parser.ParseRequest(text, &head) == ParseState::kDone);
  CHECK(head.method == "POST");
  CHECK(head.target == "/function/echo?a=1&b=2");
  CHECK(head.path == "/function/echo");
  CHECK(head.query == "a=1&b=2");
  CHECK(head.host == "example.org:8080");
  CHECK(head.version == Version::kHttp11);
  CHECK(head.body == BodyKind::kLength);
  CHECK(head.content_length == 12);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.expect_continue);
  CHECK_FALSE(head.upgrade);
  CHECK(head.headers.size() == 5);
  CHECK(head.headers.Find("accept") == "*/*");
  CHECK(head.headers.Find("X-EMPTY") == "");
  CHECK(head.headers.Find("x-tab") == "a\tb");
  CHECK_FALSE(head.headers.Find("x-none"));
  CHECK(text.substr(head.size) == "hello, world");
}

TEST_CASE("targets of every form") {
  struct Case {
    std::string line, path, query, host;
  };
  const std::vector<Case> cases = {
      {"GET / HTTP/1.1", "/", "", "h"},
      {"GET /? HTTP/1.1", "/", "", "h"},
      {"GET /a?b?c HTTP/1.1", "/a", "b?c", "h"},
      {"GET /caf\xC3\xA9 HTTP/1.1", "/caf\xC3\xA9", "", "h"},
      {"GET http://other/x?y HTTP/1.1", "/x", "y", "other"},
      {"GET HTTP://other:80 HTTP/1.1", "/", "", "other:80"},
      {"GET https://[::1]:8443?q HTTP/1.1", "/", "q", "[::1]:8443"},
      {"OPTIONS * HTTP/1.1", "*", "", "h"},
      {"CONNECT h:443 HTTP/1.1", "h:443", "", "h:443"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.line) {
      HeadParser parser;
      RequestHead head;
      const std::string text = c.line + "\r\nHost: h\r\n\r\n";
      REQUIRE(parser.ParseRequest(text, &head) == ParseState::kDone);
      CHECK(head.path == c.path);
      CHECK(head.query == c.query);
      CHECK(head.host == c.host);
    }
  }
}

TEST_CASE("what becomes of the connection") {
  struct Case {
    std::string version, fields;
    bool keep_alive, upgrade, expect;
  };
  const std::vector<Case> cases = {
      {"1.1", "", true, false, false},
      {"1.1", "Connection: close\r\n", false, false, false},
      {"1.1", "Connection: foo , Close\r\n", false, false, false},
      {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false, false, false},
      {"1.0", "", false, false, false},
      {"1.0", "Connection: Keep-Alive\r\n", true, false, false},
      {"1.0", "Connection: keep-alive, close\r\n", false, false, false},
      {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true, true, false},
      {"1.1", "Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n", true, true, false},
      {"1.1", "Upgrade: websocket\r\n", true, false, false},
      {"1.1", "Connection: upgrade\r\n", true, false, false},
      {"1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", false, false, false},
      {"1.1", "Expect: 100-Continue\r\n", true, false, true},
      {"1.0", "Expect: 100-continue\r\n", false, false, false},
      {"1.0", "Expect: anything\r\n", false, false, false},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.version << " " << c.fields) {
      HeadParser parser;
      RequestHead head;
      const std::string text = "GET / HTTP/" + c.version + "\r\nHost: h\r\n" + c.fields + "\r\n";
      REQUIRE(parser.ParseRequest(text, &head) == ParseState::kDone);
      CHECK(head.keep_alive == c.keep_alive);
      CHECK(head.upgrade == c.upgrade);
      CHECK(head.expect_continue == c.expect);
    }
  }
}

TEST_CASE("what is not a request is rejected, and why") {
  struct Case {
    std::string name, text;
    ParseError want;
  };
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::vector<Case> cases = {
      {"HTTP/0.9", "GET /\r\nHost: h\r\n\r\n", ParseError::kBadRequestLine},
      {"not HTTP", "GET / FTP/1.1\r\nHost: h\r\n\r\n", ParseError::kBadRequestLine},
      {"two spaces before the version", "GET /  HTTP/1.1\r\n\r\n", ParseError::kBadRequestLine},
      {"space inside the target", "GET /a b HTTP/1.1\r\n\r\n", ParseError::kBadRequestLine},
      {"space at the end", "GET / HTTP/1.1 \r\n\r\n", ParseError::kBadRequestLine},
      {"empty method", " / HTTP/1.1\r\n\r\n", ParseError::kBadMethod},
      {"method with a colon", "G:T / HTTP/1.1\r\n\r\n", ParseError::kBadMethod},
      {"a TLS hello", std::string("\x16\x03\x01\x02", 4) + "\r\n\r\n", ParseError::kBadMethod},
      {"tab after the method", "GET\t/ HTTP/1.1\r\n\r\n", ParseError::kBadMethod},
      {"too many empty lines", "\r\n\r\n\r\n\r\n\r\n" + get + "\r\n", ParseError::kBadMethod},
      {"empty target", "GET  HTTP/1.1\r\n\r\n", ParseError::kBadTarget},
      {"control character in the target", "GET /\x01 HTTP/1.1\r\n\r\n", ParseError::kBadTarget},
      {"NUL in the target", std::string("GET /\0 HTTP/1.1\r\n\r\n", 19), ParseError::kBadTarget},
      {"fragment", "GET /a#b HTTP/1.1\r\n\r\n", ParseError::kBadTarget},
      {"relative target", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", ParseError::kBadTarget},
      {"asterisk without OPTIONS", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", ParseError::kBadTarget},
      {"user in the authority", "GET http://u@h/ HTTP/1.1\r\n\r\n", ParseError::kBadTarget},
      {"empty authority", "GET http:///x HTTP/1.1\r\n\r\n", ParseError::kBadTarget},
      {"other scheme", "GET ftp://h/ HTTP/1.1\r\n\r\n", ParseError::kBadTarget},
      {"CONNECT to a path", "CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", ParseError::kBadTarget},
      {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", ParseError::kBadVersion},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", ParseError::kBadVersion},
      {"small letters", "GET / http/1.1\r\nHost: h\r\n\r\n", ParseError::kBadRequestLine},
      {"space before the colon", get + "X : 1\r\n\r\n", ParseError::kBadHeaderName},
      {"empty name", get + ": 1\r\n\r\n", ParseError::kBadHeaderName},
      {"no colon", get + "nothing\r\n\r\n", ParseError::kBadHeaderName},
      {"quote in the name", get + "X\"Y: 1\r\n\r\n", ParseError::kBadHeaderName},
      {"control character in a value", get + "X: a\x02z\r\n\r\n", ParseError::kBadHeaderValue},
      {"DEL in a value", get + "X: a\x7f\r\n\r\n", ParseError::kBadHeaderValue},
      {"NUL in a value", get + std::string("X: a\0b\r\n\r\n", 10), ParseError::kBadHeaderValue},
      {"folded line", get + "X: a\r\n b\r\n\r\n", ParseError::kObsoleteFold},
      {"folded with a tab", get + "X: a\r\n\tb\r\n\r\n", ParseError::kObsoleteFold},
      {"folded first line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", ParseError::kObsoleteFold},
      {"bare line feed at the end of a field", get + "X: 1\n\r\n", ParseError::kBareLineFeed},
      {"bare line feed at the end of the head", get + "\n", ParseError::kBareLineFeed},
      {"bare line feed after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n",
       ParseError::kBareLineFeed},
      {"bare carriage return in a value", get + "X: a\rb\r\n\r\n", ParseError::kBareCarriageReturn},
      {"carriage return twice", get + "X: a\r\r\n\r\n", ParseError::kBareCarriageReturn},
      {"no host", "GET / HTTP/1.1\r\nAccept: a\r\n\r\n", ParseError::kMissingHost},
      {"two hosts", get + "Host: h\r\n\r\n", ParseError::kMultipleHosts},
      {"host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", ParseError::kBadHost},
      {"host with a user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", ParseError::kBadHost},
      {"host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ParseError::kBadHost},
      {"host with a bad port", "GET / HTTP/1.1\r\nHost: h:8x\r\n\r\n", ParseError::kBadHost},
      {"host with a long port", "GET / HTTP/1.1\r\nHost: h:123456\r\n\r\n", ParseError::kBadHost},
      {"host of a port only", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", ParseError::kBadHost},
      {"open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", ParseError::kBadHost},
      {"name in brackets", "GET / HTTP/1.1\r\nHost: [xyz]\r\n\r\n", ParseError::kBadHost},
      {"text after a bracket", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", ParseError::kBadHost},
      {"empty length", get + "Content-Length:\r\n\r\n", ParseError::kBadContentLength},
      {"negative length", get + "Content-Length: -1\r\n\r\n", ParseError::kBadContentLength},
      {"signed length", get + "Content-Length: +1\r\n\r\n", ParseError::kBadContentLength},
      {"hexadecimal length", get + "Content-Length: 0x1\r\n\r\n", ParseError::kBadContentLength},
      {"overflowing length", get + "Content-Length: 18446744073709551616\r\n\r\n",
       ParseError::kBadContentLength},
      {"length past 63 bits", get + "Content-Length: 9999999999999999999\r\n\r\n",
       ParseError::kBadContentLength},
      {"list of lengths", get + "Content-Length: 1, 1\r\n\r\n", ParseError::kBadContentLength},
      {"two lengths", get + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
       ParseError::kDuplicateContentLength},
      {"two equal lengths", get + "Content-Length: 1\r\nContent-length: 1\r\n\r\n",
       ParseError::kDuplicateContentLength},
      {"length and chunked", get + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       ParseError::kLengthAndChunked},
      {"unknown encoding", get + "Transfer-Encoding: gzip\r\n\r\n",
       ParseError::kBadTransferEncoding},
      {"chunked not alone", get + "Transfer-Encoding: gzip, chunked\r\n\r\n",
       ParseError::kBadTransferEncoding},
      {"chunked not last", get + "Transfer-Encoding: chunked, gzip\r\n\r\n",
       ParseError::kBadTransferEncoding},
      {"chunked twice", get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       ParseError::kBadTransferEncoding},
      {"obfuscated chunked",
       get + "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
       ParseError::kBadHeaderValue},
      {"quoted chunked", get + "Transfer-Encoding: \"chunked\"\r\n\r\n",
       ParseError::kBadTransferEncoding},
      {"identity", get + "Transfer-Encoding: identity\r\n\r\n", ParseError::kBadTransferEncoding},
      {"unknown expectation", get + "Expect: 200-ok\r\n\r\n", ParseError::kUnknownExpectation},
      {"list of expectations", get + "Expect: 100-continue, x\r\n\r\n",
       ParseError::kUnknownExpectation},
      {"one expectation of two unknown", get + "Expect: x\r\nExpect: 100-continue\r\n\r\n",
       ParseError::kUnknownExpectation},
      {"encoding in HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
       ParseError::kTransferEncodingInHttp10},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) { CHECK(NameOf(ErrorOf(c.text)) == NameOf(c.want)); }
  }
}

TEST_CASE("limits of a request head") {
  Limits limits;
  limits.request_line = 32;
  limits.head = 100;
  limits.header_count = 2;
  const std::string line = "GET / HTTP/1.1\r\nHost: h\r\n";
  CHECK(ErrorOf("GET /" + std::string(16, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits) ==
        ParseError::kNone);
  CHECK(ErrorOf("GET /" + std::string(17, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits) ==
        ParseError::kRequestLineTooLong);
  CHECK(ErrorOf(std::string(33, 'a'), limits) == ParseError::kRequestLineTooLong);
  CHECK(ErrorOf(line + "A: 1\r\n\r\n", limits) == ParseError::kNone);
  CHECK(ErrorOf(line + "A: 1\r\nB: 2\r\n\r\n", limits) == ParseError::kTooManyHeaders);
  const std::string exact = line + "A: " + std::string(100 - line.size() - 7, 'x') + "\r\n\r\n";
  REQUIRE(exact.size() == 100);
  CHECK(ErrorOf(exact, limits) == ParseError::kNone);
  CHECK(ErrorOf(line + "A: " + std::string(100, 'x'), limits) == ParseError::kHeadTooLarge);
  CHECK(StatusFor(ParseError::kRequestLineTooLong) == 414);
  CHECK(StatusFor(ParseError::kHeadTooLarge) == 431);
  CHECK(StatusFor(ParseError::kTooManyHeaders) == 431);
  CHECK(StatusFor(ParseError::kBadVersion) == 505);
  CHECK(StatusFor(ParseError::kBadTransferEncoding) == 501);
  CHECK(StatusFor(ParseError::kBadHost) == 400);
  CHECK(StatusFor(ParseError::kUnknownExpectation) == 417);

  Limits many;
  many.header_count = 1000;  // the list holds fewer
  std::string text = line;
  for (size_t i = 1; i < HeaderList::kMax; ++i) text += "A: 1\r\n";
  CHECK(ErrorOf(text + "\r\n", many) == ParseError::kNone);
  CHECK(ErrorOf(text + "A: 1\r\n\r\n", many) == ParseError::kTooManyHeaders);
}

TEST_CASE("a parser goes on after an error only when reset, and takes pipelined requests") {
  HeadParser parser;
  RequestHead head;
  CHECK(parser.ParseRequest("\x01 / HTTP/1.1\r\n\r\n", &head) == ParseState::kError);
  CHECK(parser.ParseRequest("GET / HTTP/1.0\r\n\r\n", &head) == ParseState::kError);
  parser.Reset();
  const std::string two = "\r\nGET /1 HTTP/1.0\r\n\r\n\r\n\r\nGET /2 HTTP/1.0\r\n\r\n";
  REQUIRE(parser.ParseRequest(two, &head) == ParseState::kDone);
  CHECK(head.path == "/1");
  const std::string rest = two.substr(head.size);
  parser.Reset();
  REQUIRE(parser.ParseRequest(rest, &head) == ParseState::kDone);
  CHECK(head.path == "/2");
  CHECK(head.size == rest.size());
}

TEST_CASE("every error has a name of its own") {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ParseError::kBadStatusLine); ++i) {
    const auto error = static_cast<ParseError>(i);
    for (const std::string_view other : names) CHECK(NameOf(error) != other);
    names.push_back(NameOf(error));
    CHECK(NameOf(error) != "unknown");
    CHECK(StatusFor(error) >= (i == 0 ? 200 : 400));
  }
}

}  // namespace
}  // namespace hearth::http
