// Message heads between HTTP/2 fields and HTTP/1.1 text.
#include "core/h2/translate.h"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

#include "core/http/parser.h"

namespace hearth::h2 {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

FieldBlock Block(const Pairs& pairs) {
  FieldBlock block;
  for (const auto& [name, value] : pairs) block.Add(name, value);
  return block;
}

Pairs Get(std::string path = "/function/f", Pairs more = {}) {
  Pairs all = {{":method", "GET"}, {":scheme", "http"}, {":authority", "h.test"}, {":path", path}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST_CASE("a request becomes the text of one request") {
  std::string text;
  Framing framing;
  SECTION("without a body") {
    REQUIRE(WriteRequest(Block(Get("/a?b=c", {{"x-one", "1"}})), true, &text, &framing) ==
            Refusal::kNone);
    CHECK(framing == Framing::kNone);
    CHECK(text == "GET /a?b=c HTTP/1.1\r\nHost: h.test\r\nx-one: 1\r\nConnection: close\r\n\r\n");
  }
  SECTION("a body of known length") {
    REQUIRE(WriteRequest(Block(Get("/", {{"content-length", "3"}})), false, &text, &framing) ==
            Refusal::kNone);
    CHECK(framing == Framing::kLength);
    CHECK(text.find("Content-Length: 3\r\n") != std::string::npos);
    CHECK(text.find("chunked") == std::string::npos);
  }
  SECTION("a body of unknown length") {
    REQUIRE(WriteRequest(Block(Get()), false, &text, &framing) == Refusal::kNone);
    CHECK(framing == Framing::kChunked);
    CHECK(text.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  }
  SECTION("cookie crumbs are joined") {
    REQUIRE(WriteRequest(Block(Get("/", {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}})), true,
                         &text, &framing) == Refusal::kNone);
    CHECK(text.find("cookie: a=1; b=2\r\n") != std::string::npos);
    CHECK(text.find("cookie", text.find("cookie") + 1) == std::string::npos);
  }
  SECTION("nothing of a connection is passed on") {
    REQUIRE(WriteRequest(
                Block(Get("/", {{"te", "trailers"}, {"http2-settings", "AAA"}, {"trailer", "x"}})),
                true, &text, &framing) == Refusal::kNone);
    CHECK(text == "GET / HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n");
  }
  SECTION("a Host that says the same") {
    Pairs pairs = Get("/", {{"host", "H.test"}});
    REQUIRE(WriteRequest(Block(pairs), true, &text, &framing) == Refusal::kNone);
    CHECK(text.find("Host: H.test\r\n") != std::string::npos);
    CHECK(text.find("host:") == std::string::npos);
  }
}

TEST_CASE("requests that HTTP/1.1 could read in another way are refused") {
  struct Case {
    std::string name;
    Pairs fields;
    Refusal refusal;
  };
  const std::vector<Case> cases = {
      {"a space in the path", Get("/a HTTP/1.1\r\nX: y"), Refusal::kBadPath},
      {"a path without a slash", Get("a"), Refusal::kBadPath},
      {"an absolute path", Get("http://other/"), Refusal::kBadPath},
      {"a fragment", Get("/a#b"), Refusal::kBadPath},
      {"an asterisk of GET", Get("*"), Refusal::kBadPath},
      {"an empty path", Get(""), Refusal::kBadPath},
      {"a method with a space",
       {{":method", "GET /x"}, {":scheme", "http"}, {":path", "/"}},
       Refusal::kBadMethod},
      {"CONNECT", {{":method", "CONNECT"}, {":authority", "a:1"}}, Refusal::kConnect},
      {"userinfo",
       {{":method", "GET"}, {":authority", "u@h"}, {":path", "/"}},
       Refusal::kBadAuthority},
      {"a line break in the authority",
       {{":method", "GET"}, {":authority", "h\r\nX: y"}, {":path", "/"}},
       Refusal::kBadAuthority},
      {"two authorities", Get("/", {{"host", "other"}}), Refusal::kHostMismatch},
      {"two Hosts",
       {{":method", "GET"}, {":path", "/"}, {"host", "a"}, {"host", "b"}},
       Refusal::kHostMismatch},
      {"an upper-case name", Get("/", {{"X-A", "1"}}), Refusal::kBadField},
      {"a colon in a name", Get("/", {{"x:a", "1"}}), Refusal::kBadField},
      {"an empty name", Get("/", {{"", "1"}}), Refusal::kBadField},
      {"a line break in a value", Get("/", {{"x", "a\r\ncontent-length: 3"}}), Refusal::kBadField},
      {"a NUL in a value", Get("/", {{"x", std::string("a\0b", 3)}}), Refusal::kBadField},
      {"a bad field among those left out", Get("/", {{"te", "a\nb"}}), Refusal::kBadField},
      {"a negative length", Get("/", {{"content-length", "-1"}}), Refusal::kBadContentLength},
      {"a list of lengths", Get("/", {{"content-length", "1, 1"}}), Refusal::kBadContentLength},
      {"two lengths", Get("/", {{"content-length", "1"}, {"content-length", "1"}}),
       Refusal::kBadContentLength},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      std::string text = "before";
      Framing framing;
      CHECK(WriteRequest(Block(c.fields), true, &text, &framing) == c.refusal);
      CHECK(text == "before");
    }
  }
}

TEST_CASE("a response becomes the text of one response") {
  struct Case {
    std::string name;
    Pairs fields;
    bool ended;
    std::string method;
    std::string text;
    Framing framing;
  };
  const std::vector<Case> cases = {
      {"without a body",
       {{":status", "200"}, {"x", "1"}},
       true,
       "GET",
       "HTTP/1.1 200 OK\r\nx: 1\r\nContent-Length: 0\r\n\r\n",
       Framing::kNone},
      {"of known length",
       {{":status", "200"}, {"content-length", "2"}},
       false,
       "GET",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
       Framing::kLength},
      {"of unknown length",
       {{":status", "200"}},
       false,
       "POST",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       Framing::kChunked},
      {"to HEAD",
       {{":status", "200"}, {"content-length", "7"}},
       true,
       "HEAD",
       "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
       Framing::kNone},
      {"204", {{":status", "204"}}, true, "GET", "HTTP/1.1 204 No Content\r\n\r\n", Framing::kNone},
      {"interim",
       {{":status", "103"}, {"link", "</x>"}},
       false,
       "GET",
       "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
       Framing::kNone},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      std::string text;
      Framing framing;
      REQUIRE(WriteResponse(Block(c.fields), c.ended, c.method, &text, &framing) == Refusal::kNone);
      CHECK(text == c.text);
      CHECK(framing == c.framing);
    }
  }
  std::string text;
  Framing framing;
  for (const char* status : {"", "20", "2000", "abc", "101", "099", "-20"}) {
    CHECK(WriteResponse(Block({{":status", status}}), true, "GET", &text, &framing) ==
          Refusal::kBadStatus);
  }
}

TEST_CASE("a trailer loses what may not come late") {
  std::string text;
  CHECK(WriteTrailer(Block({{"grpc-status", "0"},
                            {"content-length", "9"},
                            {"host", "x"},
                            {"authorization", "x"},
                            {"x-a", "b"}}),
                     &text) == Refusal::kNone);
  CHECK(text == "grpc-status: 0\r\nx-a: b\r\n");
  CHECK(WriteTrailer(Block({{"x", "a\r\n\r\nGET"}}), &text) == Refusal::kBadField);

  FieldBlock fields;
  TrailerToFields("Grpc-Status: 0\r\nGrpc-Message:  all well \r\n", &fields);
  REQUIRE(fields.size() == 2);
  CHECK(fields.Find("grpc-status") == "0");
  CHECK(fields.Find("grpc-message") == "all well");
}

TEST_CASE("text becomes fields without those of its connection") {
  http::HeadParser parser;
  SECTION("a response") {
    http::ResponseHead head;
    REQUIRE(parser.ParseResponse("HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close, X-Own\r\n"
                                 "X-Own: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 "GET", &head) == http::ParseState::kDone);
    FieldBlock fields;
    ToFields(head, &fields);
    REQUIRE(fields.size() == 2);
    CHECK(fields[0].name == ":status");
    CHECK(fields[0].value == "200");
    CHECK(fields[1].name == "x-a");
  }
  SECTION("a request") {
    http::RequestHead head;
    REQUIRE(parser.ParseRequest("POST /p.S/M?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                                "Expect: 100-continue\r\nTE: gzip\r\n\r\n",
                                &head) == http::ParseState::kDone);
    FieldBlock fields;
    ToFields(head, &fields);
    CHECK(fields.Find(":method") == "POST");
    CHECK(fields.Find(":authority") == "a");
    CHECK(fields.Find(":path") == "/p.S/M?x=1");
    CHECK(fields.Find("content-length") == "3");
    CHECK(fields.Find("te") == "trailers");
    CHECK_FALSE(fields.Has("expect"));
    CHECK_FALSE(fields.Has("host"));
  }
}

}  // namespace
}  // namespace hearth::h2
