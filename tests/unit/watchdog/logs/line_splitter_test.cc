#include "watchdog/logs/line_splitter.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <vector>

namespace hearth::watchdog {
namespace {

std::vector<std::string> Lines(const std::vector<std::string>& pieces, size_t max) {
  LineSplitter splitter(max);
  std::vector<std::string> out;
  const auto add = [&](std::string_view line) { out.emplace_back(line); };
  for (const std::string& piece : pieces) splitter.Feed(piece, add);
  splitter.Finish(add);
  return out;
}

using L = std::vector<std::string>;

TEST_CASE("lines are cut at their ends", "[watchdog][logs]") {
  CHECK(Lines({"a\nb\r\n\nc"}, 100) == L{"a", "b", "", "c"});
  CHECK(Lines({"a", "b\n", "c"}, 100) == L{"ab", "c"});
  CHECK(Lines({}, 100).empty());
  CHECK(Lines({"a\n"}, 100) == L{"a"});
}

TEST_CASE("long lines are cut, between characters", "[watchdog][logs]") {
  CHECK(Lines({"abcdefgh\n"}, 3) == L{"abc", "def", "gh"});
  CHECK(Lines({"abcdefgh"}, 3) == L{"abc", "def", "gh"});
  CHECK(Lines({"ab\xc3\xa4z"}, 3) == L{"ab", "\xc3\xa4z"});
}

TEST_CASE("however the bytes come, the text is the same", "[watchdog][logs]") {
  rc::prop("split invariance", [](const std::vector<std::string>& pieces) {
    std::string whole;
    for (const std::string& p : pieces) whole += p;
    const L together = Lines({whole}, 16);
    const L apart = Lines(pieces, 16);
    std::string a, b;
    for (const auto& l : together) a += l;
    for (const auto& l : apart) b += l;
    RC_ASSERT(a == b);
    for (const auto& l : apart) RC_ASSERT(l.size() <= 16u);
  });
}

}  // namespace
}  // namespace hearth::watchdog
