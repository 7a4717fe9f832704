#include "watchdog/modes/file_answer.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

namespace hearth::watchdog {
namespace {

const FileFacts kFile{1000, 784111777, 5};  // Sun, 06 Nov 1994 08:49:37 GMT

TEST_CASE("ranges", "[watchdog][static]") {
  struct Case {
    std::string range;
    FileAnswer want;
  };
  const Case cases[] = {
      {"", {200, 0, 1000}},
      {"bytes=0-0", {206, 0, 1}},
      {"bytes=0-99", {206, 0, 100}},
      {"bytes=990-", {206, 990, 10}},
      {"bytes=-10", {206, 990, 10}},
      {"bytes=-5000", {206, 0, 1000}},
      {"bytes=5-5000", {206, 5, 995}},
      {"bytes=1000-", {416, 0, 0}},
      {"bytes=-0", {416, 0, 0}},
      {"bytes=9-5", {200, 0, 1000}},
      {"bytes=0-1,5-6", {200, 0, 1000}},
      {"lines=1-2", {200, 0, 1000}},
      {"bytes=a-b", {200, 0, 1000}},
      {"bytes=-", {200, 0, 1000}},
      {"bytes=99999999999999999999999-", {200, 0, 1000}},
  };
  for (const Case& k : cases) {
    DYNAMIC_SECTION(k.range) {
      CHECK(Decide(
                kFile,
                {.if_none_match = {}, .if_modified_since = {}, .range = k.range, .if_range = {}}) ==
            k.want);
    }
  }
}

TEST_CASE("conditions", "[watchdog][static]") {
  const std::string etag = EtagOf(kFile);
  const auto decide = [](std::string_view none_match, std::string_view since,
                         std::string_view range = {}, std::string_view if_range = {}) {
    return Decide(kFile, {none_match, since, range, if_range}).status;
  };
  CHECK(decide(etag, {}) == 304);
  CHECK(decide("\"x\", W/" + etag, {}) == 304);
  CHECK(decide("*", {}) == 304);
  CHECK(decide("\"x\"", {}) == 200);
  CHECK(decide({}, "Sun, 06 Nov 1994 08:49:37 GMT") == 304);
  CHECK(decide({}, "Sun, 06 Nov 1994 08:49:36 GMT") == 200);
  CHECK(decide({}, "yesterday") == 200);
  CHECK(decide("\"x\"", "Sun, 06 Nov 1994 08:49:37 GMT") == 200);  // the tag counts
  CHECK(decide({}, {}, "bytes=0-1", etag) == 206);
  CHECK(decide({}, {}, "bytes=0-1", "\"old\"") == 200);
  CHECK(decide({}, {}, "bytes=0-1", "Sun, 06 Nov 1994 08:49:37 GMT") == 206);
}

TEST_CASE("no range leads out of the file", "[watchdog][static]") {
  rc::prop("bounds", [](uint64_t size, uint64_t from, uint64_t to) {
    const std::string range = "bytes=" + std::to_string(from) + "-" + std::to_string(to);
    const FileAnswer a = Decide({size, 0, 0}, {{}, {}, range, {}});
    RC_ASSERT(a.offset <= size);
    RC_ASSERT(a.length <= size - a.offset);
  });
}

TEST_CASE("names", "[watchdog][static]") {
  CHECK(FileName("/a/b%20c") == "a/b c");
  CHECK(FileName("///a") == "a");
  CHECK(FileName("/") == "");
  CHECK_FALSE(FileName("/a%00b"));
  CHECK_FALSE(FileName("/a%zz"));
  CHECK(ContentTypeOf("a/index.HTML") == "text/html; charset=utf-8");
  CHECK(ContentTypeOf("a.tar/x") == "application/octet-stream");
  CHECK(ContentTypeOf("x.wasm") == "application/wasm");
}

}  // namespace
}  // namespace hearth::watchdog
