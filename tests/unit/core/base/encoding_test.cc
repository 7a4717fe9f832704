#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <set>
#include <string>

#include "core/base/base64.h"
#include "core/base/json_escape.h"
#include "core/base/random.h"
#include "core/base/status_codes.h"
#include "core/base/version.h"

namespace hearth {
namespace {

TEST_CASE("base64") {
  CHECK(Base64Encode("") == "");
  CHECK(Base64Encode("f") == "Zg==");
  CHECK(Base64Encode("fo") == "Zm8=");
  CHECK(Base64Encode("foo") == "Zm9v");
  CHECK(Base64Encode(std::string_view("\xff\xfe\0", 3)) == "//4A");
  CHECK(Base64Decode("Zg==") == "f");
  CHECK(Base64Decode("Zg") == "f");
  for (const char* bad : {"Z", "Zg=", "Zg===", "Z!==", "Zh==", "Zm9v=", " Zg=="}) {
    CHECK_FALSE(Base64Decode(bad));
  }
  rc::prop("any bytes",
           [](const std::string& s) { RC_ASSERT(Base64Decode(Base64Encode(s)) == s); });
}

TEST_CASE("JSON strings") {
  CHECK(JsonString("a\"b\\c") == R"("a\"b\\c")");
  CHECK(JsonString("\n\r\t\x01\x7f") == "\"\\n\\r\\t\\u0001\\u007f\"");
  CHECK(JsonString(std::string_view("a\0b", 3)) == R"("a\u0000b")");
  CHECK(JsonString("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\xA5") ==
        "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\xA5\"");
  const std::string replacement = "\xEF\xBF\xBD";
  CHECK(JsonString("a\xFFz") == "\"a" + replacement + "z\"");
  CHECK(JsonString("\xC3") == "\"" + replacement + "\"");                    // cut off
  CHECK(JsonString("\xC0\x80") == "\"" + replacement + replacement + "\"");  // overlong
  CHECK(JsonString("\xED\xA0\x80").size() == 2 + 3 * 3);                     // surrogate
}

TEST_CASE("random ids") {
  std::set<std::string> seen;
  UuidSource source;
  for (int i = 0; i < 500; ++i) {
    const std::string id = i % 2 == 0 ? NewUuid() : source.Next();
    REQUIRE(id.size() == 36);
    CHECK(id[14] == '4');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    CHECK(id[8] == '-');
    CHECK(seen.insert(id).second);
  }
  CHECK(RandomHex(16).size() == 32);
  const std::string digits = RandomBase36(200);
  CHECK(digits.size() == 200);
  CHECK(digits.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos);
}

TEST_CASE("canonical codes and HTTP") {
  using absl::StatusCode;
  CHECK(HttpStatusOf(StatusCode::kNotFound) == 404);
  CHECK(HttpStatusOf(StatusCode::kInvalidArgument) == 400);
  CHECK(HttpStatusOf(StatusCode::kUnavailable) == 503);
  CHECK(StatusCodeOf(404) == StatusCode::kNotFound);
  CHECK(StatusCodeOf(400) == StatusCode::kInvalidArgument);
  CHECK(StatusCodeOf(202) == StatusCode::kOk);
  CHECK(StatusCodeOf(413) == StatusCode::kResourceExhausted);
  CHECK(StatusCodeOf(502) == StatusCode::kUnavailable);
  CHECK(StatusCodeOf(418) == StatusCode::kInvalidArgument);
  CHECK(StatusCodeOf(599) == StatusCode::kInternal);
  for (int code = 0; code <= 16; ++code) {
    const auto canonical = static_cast<StatusCode>(code);
    CHECK_FALSE(ReasonOf(canonical).empty());
    CHECK((HttpStatusOf(canonical) < 300) == (code == 0));
  }
}

TEST_CASE("the version has three numbers") {
  CHECK(std::count(Version().begin(), Version().end(), '.') == 2);
}

}  // namespace
}  // namespace hearth
