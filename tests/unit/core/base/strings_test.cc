#include "core/base/strings.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <string>
#include <vector>

namespace hearth {
namespace {

using Parts = std::vector<std::string_view>;

TEST_CASE("splitting and trimming") {
  CHECK(Split("a,b,,c", ',') == Parts{"a", "b", "", "c"});
  CHECK(Split("", ',') == Parts{""});
  CHECK(Split(",", ',') == Parts{"", ""});
  CHECK(SplitFields("  a\tb \n c  ") == Parts{"a", "b", "c"});
  CHECK(SplitFields(" ").empty());
  CHECK(Trim(" \t a b\r\n") == "a b");
  CHECK(Trim("  ").empty());
  const std::vector<std::string> parts = {"a", "b"};
  CHECK(Join(parts, ", ") == "a, b");
  CHECK(Cat("port ", uint16_t{80}, ' ', -5, " ", std::string("x")) == "port 80 -5 x");
}

TEST_CASE("case") {
  CHECK(ToLower("AbC-9") == "abc-9");
  CHECK(EqualsIgnoreAsciiCase("Host", "hOST"));
  CHECK_FALSE(EqualsIgnoreAsciiCase("Host", "Hos"));
  CHECK(StartsWithIgnoreCase("Bearer abc", "bearer "));
  CHECK_FALSE(StartsWithIgnoreCase("Be", "Bearer"));
  CHECK_FALSE(EqualsIgnoreAsciiCase("@", "`"));  // 0x20 apart, not letters
}

TEST_CASE("numbers are the whole text or nothing") {
  CHECK(ParseInt("-12") == -12);
  CHECK(ParseUint("18446744073709551615") == UINT64_MAX);
  CHECK(ParseDouble("1.5") == 1.5);
  for (const char* bad : {"", " 1", "1 ", "1x", "+1", "0x10", "18446744073709551616"}) {
    CHECK_FALSE(ParseUint(bad));
  }
  CHECK_FALSE(ParseUint("-1"));
  CHECK_FALSE(ParseDouble("inf"));
  CHECK_FALSE(ParseDouble("nan"));
}

TEST_CASE("near names") {
  const std::vector<std::string> names = {"resize-image", "resize", "echo", "hello-python", "env"};
  CHECK(NearNames("resise", names) == std::vector<std::string>{"resize"});
  CHECK(NearNames("hello", names) == std::vector<std::string>{"hello-python"});
  CHECK(NearNames("ECHO", names) == std::vector<std::string>{"echo"});
  CHECK(NearNames("zzzzzz", names).empty());
  CHECK(NearNames("resize", names).front() == "resize");
  CHECK(Suggestion("ecko", names) == " (did you mean \"echo\"?)");
  CHECK(Suggestion("zzzzzz", names).empty());
}

TEST_CASE("edit distance is a distance") {
  rc::prop("symmetric, zero only for equals, bounded",
           [](const std::string& a, const std::string& b) {
             const size_t d = EditDistance(a, b);
             RC_ASSERT(d == EditDistance(b, a));
             RC_ASSERT((d == 0) == (a == b));
             RC_ASSERT(d <= std::max(a.size(), b.size()));
           });
}

TEST_CASE("percent encoding goes there and back") {
  CHECK(PercentEncode("a/b c~") == "a%2Fb%20c~");
  CHECK(PercentDecode("a%2fb+c") == "a/b+c");
  CHECK(PercentDecode("a+b", true) == "a b");
  for (const char* bad : {"%", "%1", "%zz", "abc%f"}) CHECK_FALSE(PercentDecode(bad));
  rc::prop("any bytes",
           [](const std::string& s) { RC_ASSERT(PercentDecode(PercentEncode(s)) == s); });
}

}  // namespace
}  // namespace hearth
