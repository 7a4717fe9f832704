#include "core/base/duration.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <string>

#include "core/base/absl_compat.h"
#include "core/base/quantity.h"

namespace hearth {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations") {
  struct Case {
    std::string text;
    Duration want;
    std::string formatted;
  };
  for (const Case& c :
       {Case{"60", 60s, "1m"}, Case{"1h30m", 90min, "1h30m"}, Case{"500ms", 500ms, "500ms"},
        Case{"1.5s", 1500ms, "1.5s"}, Case{"250us", 250us, "250us"}, Case{"2\xC2\xB5s", 2us, "2us"},
        Case{"7ns", 7ns, "7ns"}, Case{"0", 0s, "0s"}, Case{" 5m ", 5min, "5m"},
        Case{"1h0m0.25s", 1h + 250ms, "1h250ms"}, Case{"0.5", 500ms, "500ms"}}) {
    DYNAMIC_SECTION(c.text) {
      const auto parsed = ParseDuration(c.text);
      REQUIRE(parsed.ok());
      CHECK(*parsed == c.want);
      if (c.formatted != "1h250ms") CHECK(FormatDuration(*parsed) == c.formatted);
    }
  }
  for (const std::string bad :
       {"", "-1s", "s", "1x", "1h30", "1 s", "abc", "1..5s", "999999999999h"}) {
    DYNAMIC_SECTION("not: " << bad) {
      const auto parsed = ParseDuration(bad);
      REQUIRE_FALSE(parsed.ok());
      CHECK(Message(parsed.status()).find("write it like") != std::string_view::npos);
    }
  }
}

TEST_CASE("a formatted duration parses to itself") {
  rc::prop("up to a month, in nanoseconds", [] {
    const Duration d(*rc::gen::inRange<int64_t>(0, 2'592'000'000'000'000));
    const auto parsed = ParseDuration(FormatDuration(d));
    RC_ASSERT(parsed.ok());
    RC_ASSERT(*parsed == d);
  });
}

TEST_CASE("times") {
  const WallTime t{1'700'000'000s + 1ms};
  CHECK(FormatTime(t) == "2023-11-14T22:13:20Z");
  CHECK(FormatTimeNanos(t) == "2023-11-14T22:13:20.001000000Z");
  CHECK(FormatHttpDate(t) == "Tue, 14 Nov 2023 22:13:20 GMT");
  CHECK(ParseTime("2023-11-14T22:13:20.001Z").value() == t);
  CHECK(ParseTime("2023-11-15T00:13:20.001+02:00").value() == t);
  for (const char* bad :
       {"", "2023-11-14", "2023-13-14T00:00:00Z", "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z",
        "9999-11-14T22:13:20Z", "2023-11-14T22:13:20Zx"}) {
    CHECK_FALSE(ParseTime(bad).ok());
  }
}

TEST_CASE("quantities of bytes") {
  struct Case {
    std::string text;
    uint64_t want;
  };
  for (const Case& c :
       {Case{"1024", 1024}, Case{"128Mi", 128ull << 20}, Case{"1.5Gi", 3ull << 29},
        Case{"500M", 500'000'000}, Case{"1e3", 1000}, Case{"1MiB", 1 << 20}, Case{"10B", 10},
        Case{"1k", 1000}, Case{"0", 0}, Case{"1500m", 2}, Case{" 6Mi ", 6 << 20}}) {
    DYNAMIC_SECTION(c.text) { CHECK(ParseBytes(c.text).value() == c.want); }
  }
  for (const std::string bad : {"", "-1", "Mi", "1Xi", "1 Mi", "1e", "99999999Pi"}) {
    DYNAMIC_SECTION("not: " << bad) { CHECK_FALSE(ParseBytes(bad).ok()); }
  }
  CHECK(FormatBytes(6 << 20) == "6Mi");
  CHECK(FormatBytes(1000) == "1000");
  CHECK(FormatBytes(0) == "0");
  rc::prop("formatted bytes parse to themselves", [] {
    const uint64_t bytes = *rc::gen::inRange<uint64_t>(0, 1ull << 50);
    RC_ASSERT(ParseBytes(FormatBytes(bytes)).value() == bytes);
  });
}

TEST_CASE("quantities of CPU") {
  CHECK(ParseMilliCpu("500m").value() == 500);
  CHECK(ParseMilliCpu("2").value() == 2000);
  CHECK(ParseMilliCpu("0.25").value() == 250);
  CHECK(ParseMilliCpu("0.1").value() == 100);
  CHECK_FALSE(ParseMilliCpu("fast").ok());
}

}  // namespace
}  // namespace hearth
