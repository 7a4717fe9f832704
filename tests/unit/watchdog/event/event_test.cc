#include "watchdog/event/event.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <rapidcheck/catch.h>

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/base64.h"

namespace hearth::watchdog {
namespace {

using nlohmann::json;

EventRequest Request() {
  EventRequest r;
  r.method = "POST";
  r.path = "/a%20b/c";
  r.query = "x=1&y=a%20b+c&x=2&flag";
  r.protocol = "HTTP/1.1";
  r.host = "hello.example";
  r.source_ip = "203.0.113.9";
  r.request_id = "id-1";
  r.function = "hello";
  r.now = WallTime(std::chrono::milliseconds(1'700'000'000'123));
  return r;
}

TEST_CASE("the payload has every field of version 2.0", "[watchdog][event]") {
  EventRequest r = Request();
  r.headers = {{"Content-Type", "application/json"},
               {"X-Two", "a"},
               {"x-two", "b"},
               {"Cookie", "k=v; l=w"},
               {"User-Agent", "curl"}};
  r.body = R"({"a":"ä"})";
  const json e = json::parse(ToEvent(r));
  CHECK(e == json::parse(R"({
    "version": "2.0", "routeKey": "$default", "rawPath": "/a%20b/c",
    "rawQueryString": "x=1&y=a%20b+c&x=2&flag", "cookies": ["k=v", "l=w"],
    "headers": {"content-type": "application/json", "x-two": "a,b", "user-agent": "curl"},
    "queryStringParameters": {"x": "1,2", "y": "a b c", "flag": ""},
    "requestContext": {"accountId": "anonymous", "apiId": "hello", "domainName": "hello.example",
      "domainPrefix": "hello",
      "http": {"method": "POST", "path": "/a%20b/c", "protocol": "HTTP/1.1",
               "sourceIp": "203.0.113.9", "userAgent": "curl"},
      "requestId": "id-1", "routeKey": "$default", "stage": "$default",
      "time": "14/Nov/2023:22:13:20 +0000", "timeEpoch": 1700000000123},
    "body": "{\"a\":\"ä\"}", "isBase64Encoded": false})"));
}

TEST_CASE("text stays text, the rest is base64", "[watchdog][event]") {
  struct Case {
    std::string type, body;
    bool base64;
  };
  const Case cases[] = {
      {"text/plain; charset=utf-8", "hi", false},
      {"application/json", "{}", false},
      {"application/problem+json", "{}", false},
      {"image/svg+xml", "<svg/>", false},
      {"application/x-www-form-urlencoded", "a=b", false},
      {"", "hi", false},
      {"", std::string("\xff\xfe", 2), true},
      {"text/plain", "\xc3(", true},
      {"image/png", "png", true},
      {"application/octet-stream", "hi", true},
      {"multipart/form-data; boundary=x", "--x", true},
  };
  for (const Case& k : cases) {
    DYNAMIC_SECTION(k.type << " " << k.base64) {
      EventRequest r = Request();
      if (!k.type.empty()) r.headers = {{"Content-Type", k.type}};
      r.body = k.body;
      const json e = json::parse(ToEvent(r));
      CHECK(e["isBase64Encoded"] == k.base64);
      CHECK(e["body"] == (k.base64 ? Base64Encode(k.body) : k.body));
    }
  }
}

TEST_CASE("whatever the request holds, the event is JSON that holds the body",
          "[watchdog][event]") {
  rc::prop("round trip",
           [](const std::string& body, const std::string& value, const std::string& query) {
             EventRequest r = Request();
             r.headers = {{"X-A", value}, {"Content-Type", "text/plain"}};
             r.body = body;
             r.query = query;
             const json e = json::parse(ToEvent(r));
             const std::string text = e["body"];
             RC_ASSERT((e["isBase64Encoded"].get<bool>() ? *Base64Decode(text) : text) == body);
           });
}

TEST_CASE("results become answers", "[watchdog][event]") {
  struct Case {
    std::string name, result, type;
    int status;
    std::string content_type, body;
  };
  const std::string text = "text/plain; charset=utf-8";
  const Case cases[] = {
      {"HTTP shape", R"({"statusCode":404,"body":"no"})", "", 404, "application/json", "no"},
      {"its own type", R"({"statusCode":200,"headers":{"content-type":"text/css"},"body":"a{}"})",
       "", 200, "text/css", "a{}"},
      {"status as text", R"({"statusCode":"201"})", "", 201, "application/json", ""},
      {"base64", R"({"statusCode":200,"body":"AP8=","isBase64Encoded":true})", "", 200,
       "application/json", std::string("\0\xff", 2)},
      {"object as body", R"({"statusCode":200,"body":{"a":1}})", "", 200, "application/json",
       R"({"a":1})"},
      {"object", R"({"a":1})", "application/json", 200, "application/json", R"({"a":1})"},
      {"string", R"("hi \u00e4")", "application/json", 200, text, "hi ä"},
      {"string with JSON", R"("{\"a\":1}")", "", 200, "application/json", R"({"a":1})"},
      {"null", "null", "application/json", 200, "application/json", "null"},
      {"not JSON", "<p>", "text/html", 200, "text/html", "<p>"},
      {"plain text", "hello", "application/json", 200, text, "hello"},
      {"bytes", "\xff\xfe", "application/unknown", 200, "application/octet-stream", "\xff\xfe"},
      {"nothing", "", "", 200, text, ""},
  };
  for (const Case& k : cases) {
    DYNAMIC_SECTION(k.name) {
      const auto answer = FromResult(k.result, k.type);
      REQUIRE(answer.ok());
      CHECK(answer->status == k.status);
      CHECK(answer->body == k.body);
      REQUIRE(answer->headers.size() == 1);
      CHECK(answer->headers[0].second == k.content_type);
    }
  }
}

TEST_CASE("cookies, lists and fields that are ours", "[watchdog][event]") {
  const auto answer = FromResult(
      R"({"statusCode":200,"headers":{"A":1,"Content-Length":"9","Connection":"close","N":null},
          "multiValueHeaders":{"B":["x","y"]},"cookies":["a=1","b=2"]})",
      "");
  REQUIRE(answer.ok());
  CHECK(answer->headers == Fields{{"A", "1"},
                                  {"B", "x"},
                                  {"B", "y"},
                                  {"Set-Cookie", "a=1"},
                                  {"Set-Cookie", "b=2"},
                                  {"Content-Type", "application/json"}});
}

TEST_CASE("answers that cannot be sent name what is wrong", "[watchdog][event]") {
  struct Case {
    std::string result, says;
  };
  const Case cases[] = {
      {R"({"statusCode":999})", "statusCode"},
      {R"({"statusCode":101})", "statusCode"},
      {R"({"statusCode":null})", "statusCode"},
      {R"({"statusCode":200,"headers":[]})", "headers"},
      {R"({"statusCode":200,"headers":{"a b":"c"}})", "a b"},
      {R"({"statusCode":200,"headers":{"a":"b\r\nc: d"}})", "\"a\""},
      {R"({"statusCode":200,"cookies":"a"})", "cookies"},
      {R"({"statusCode":200,"cookies":["a\nb"]})", "cookies"},
      {R"({"statusCode":200,"body":"?","isBase64Encoded":true})", "base64"},
  };
  for (const Case& k : cases) {
    const auto answer = FromResult(k.result, "");
    REQUIRE_FALSE(answer.ok());
    CHECK_THAT(std::string(Message(answer.status())), Catch::Contains(k.says));
  }
}

TEST_CASE("the prelude is found however the stream is cut", "[watchdog][event]") {
  rc::prop("split invariance", [](const std::vector<uint8_t>& cuts) {
    const std::string head = R"({"statusCode":201,"headers":{"A":"b"}})";
    const std::string payload("pay\0load\0\0\0\0\0\0\0\0end", 19);
    const std::string stream = head + std::string(8, '\0') + payload;
    PreludeScanner scanner;
    size_t at = 0;
    auto state = PreludeScanner::State::kNeedMore;
    for (size_t i = 0; state == PreludeScanner::State::kNeedMore; ++i) {
      const size_t n = i < cuts.size() ? cuts[i] % 16 : stream.size();
      state = scanner.Feed(stream.substr(at, n));
      at = std::min(stream.size(), at + n);
    }
    RC_ASSERT(state == PreludeScanner::State::kDone);
    RC_ASSERT(scanner.json() == head);
    RC_ASSERT(scanner.rest() == std::string_view(payload).substr(0, scanner.rest().size()));
  });
  PreludeScanner endless;
  CHECK(endless.Feed(std::string(PreludeScanner::kMax + 1, 'x')) ==
        PreludeScanner::State::kTooLong);
  const auto head = FromPrelude(R"({"headers":{"A":"b"},"cookies":["c=d"]})");
  REQUIRE(head.ok());
  CHECK(head->status == 200);
  CHECK(head->headers ==
        Fields{{"A", "b"}, {"Set-Cookie", "c=d"}, {"Content-Type", "application/octet-stream"}});
  CHECK_FALSE(FromPrelude("[]").ok());
}

}  // namespace
}  // namespace hearth::watchdog
