#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands/top_view.h"
#include "tests/unit/cli/commands/harness.h"

namespace hearth::cli {
namespace {

using Catch::Contains;
using nlohmann::json;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kTop = "GET /system/v1/top";

json Function(const std::string& name, uint64_t ended, json more = json::object()) {
  json f = {{"name", name},
            {"namespace", "default"},
            {"ended", ended},
            {"errors", 0},
            {"in_flight", 0},
            {"queued", 0},
            {"replicas", 1},
            {"set_aside", 0},
            {"cold_starts", 1},
            {"oldest_queued_ms", 0},
            {"latency_us", json::array()}};
  f.update(more);
  return f;
}

std::string Page(int uptime_ms, json functions, const std::string& instance = "one") {
  return json{{"gateway", {{"instance", instance}, {"uptime_ms", uptime_ms}}},
              {"functions", std::move(functions)}}
      .dump();
}

TopSample Sample(const std::string& page) {
  auto sample = ParseTop(json::parse(page));
  REQUIRE(sample.ok());
  return *std::move(sample);
}

TEST_CASE("two looks make rates, errors and quantiles of what happened in between") {
  const TopSample before =
      Sample(Page(10'000, {Function("f", 100, {{"errors", 90}, {"latency_us", {{8, 100}}}})}));
  const TopSample after =
      Sample(Page(12'000, {Function("f", 300,
                                    {{"errors", 100},
                                     {"in_flight", 3},
                                     {"queued", 4},
                                     {"oldest_queued_ms", 70.5},
                                     {"latency_us", {{8, 100}, {1000, 190}, {40'000, 10}}}})}));
  const auto rows = TopRows(&before, after);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].rps == Approx(100));
  CHECK(rows[0].error_percent == Approx(5));
  CHECK(rows[0].p50 == microseconds(1000));
  CHECK(rows[0].p99 == milliseconds(40));
  CHECK(rows[0].in_flight == 3);
  CHECK(rows[0].queued == 4);
  CHECK(rows[0].oldest_queued == milliseconds(70));
}

TEST_CASE("a gateway or a function that has begun anew counts from zero") {
  const TopSample before = Sample(Page(100'000, {Function("f", 5000)}));
  SECTION("the gateway") {
    const TopSample after = Sample(Page(500, {Function("f", 10)}, "two"));
    CHECK(TopRows(&before, after).at(0).rps == Approx(20));
  }
  SECTION("the function") {
    const TopSample after = Sample(Page(101'000, {Function("f", 10), Function("g", 7)}));
    const auto rows = TopRows(&before, after);
    CHECK(rows.at(0).rps == Approx(10));
    CHECK(rows.at(1).rps == Approx(7));
  }
  CHECK(TopRows(&before, before).at(0).p99 == Duration::zero());
}

TEST_CASE("pages that are none, and fields that are odd") {
  CHECK_FALSE(ParseTop(json::parse("[]")).ok());
  CHECK_FALSE(ParseTop(json::parse(R"({"functions":[]})")).ok());
  const TopSample sample = Sample(
      R"({"gateway":{},"functions":[7,{"name":5},{"name":"x","latency_us":[3,[1],["a",2]],"ended":-1}]})");
  CHECK(sample.functions.size() == 2);
}

TEST_CASE("durations for people") {
  CHECK(ShortDuration(Duration::zero()) == "-");
  CHECK(ShortDuration(microseconds(450)) == "450us");
  CHECK(ShortDuration(microseconds(1234)) == "1.2ms");
  CHECK(ShortDuration(milliseconds(38)) == "38ms");
  CHECK(ShortDuration(milliseconds(1500)) == "1.5s");
  CHECK(ShortDuration(seconds(60)) == "60s");
  CHECK(ShortDuration(seconds(600)) == "10m");
}

std::vector<TopRow> Rows() {
  std::vector<TopRow> rows(3);
  rows[0] = {.name = "a", .ns = "default", .rps = 1, .p99 = milliseconds(5), .replicas = 2};
  rows[1] = {.name = "a-function-with-a-long-name-indeed",
             .ns = "default",
             .rps = 1234.4,
             .error_percent = 0.01,
             .p50 = microseconds(300),
             .p99 = milliseconds(1),
             .in_flight = 8,
             .replicas = 3,
             .set_aside = 1};
  rows[2] = {.name = "c", .ns = "team", .rps = 0, .queued = 9, .cold_starts = 4};
  return rows;
}

size_t Widest(const std::string& table) {
  size_t widest = 0, line = 0;
  for (const char c : table) {
    if ((c & 0xC0) == 0x80) continue;
    line = c == '\n' ? 0 : line + 1;
    widest = std::max(widest, line);
  }
  return widest;
}

TEST_CASE("the table fits the terminal, and the name and the rate stay to the last") {
  auto rows = Rows();
  SortTop(TopSort::kRps, &rows);
  const std::string whole = TopTable(rows, 0, 0);
  CHECK(whole ==
        "FUNCTION                                     RPS  IN FLIGHT  QUEUE    P50    P99  ERR%  "
        "   REPLICAS  COLD\n"
        "a-function-with-a-long-name-indeed.default  1234          8      0  300us  1.0ms  <0.1  "
        "3 (1 aside)     0\n"
        "a.default                                    1.0          0      0      -  5.0ms     0  "
        "          2     0\n"
        "c.team                                         0          0      9      -      -     0  "
        "          0     4\n");
  for (size_t width = 14; width < 130; ++width) {
    INFO(width);
    const std::string table = TopTable(rows, width, 0);
    CHECK(Widest(table) <= std::max<size_t>(width, 14));
    CHECK_THAT(table, Contains("FUNCTION") && Contains("RPS") && Contains("1234"));
  }
  CHECK_THAT(TopTable(rows, 60, 0), Contains("P99") && !Contains("COLD"));
  const std::string two = TopTable(rows, 40, 2);
  CHECK_THAT(two, Contains("… and 1 more\n") && !Contains("c.team"));
}

TEST_CASE("sorted by any column, names breaking ties") {
  struct Case {
    const char* by;
    std::string first, last;
  };
  const Case cases[] = {{"rps", "a-function-with-a-long-name-indeed", "c"},
                        {"inflight", "a-function-with-a-long-name-indeed", "c"},
                        {"queue", "c", "a-function-with-a-long-name-indeed"},
                        {"p50", "a-function-with-a-long-name-indeed", "c"},
                        {"p99", "a", "c"},
                        {"errors", "a-function-with-a-long-name-indeed", "c"},
                        {"replicas", "a-function-with-a-long-name-indeed", "c"},
                        {"cold", "c", "a-function-with-a-long-name-indeed"},
                        {"name", "a", "c"}};
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.by) {
      auto rows = Rows();
      const auto by = ParseTopSort(c.by);
      REQUIRE(by.ok());
      SortTop(*by, &rows);
      CHECK(rows.front().name == c.first);
      CHECK(rows.back().name == c.last);
    }
  }
}

TEST_CASE("top once: two looks, one table, plain") {
  Harness h;
  h.gateway.On(kTop, 200, Page(1000, {Function("f", 0), Function("g", 0)}));
  h.gateway.On(kTop, 200,
               Page(2000, {Function("f", 50, {{"latency_us", {{2000, 50}}}}), Function("g", 0)}));
  CHECK(h.Run({"top", "--once"}) == 0);
  CHECK(h.gateway.seen.size() == 2);
  CHECK_THAT(h.out, Contains("2 functions  50 rps") && Contains("f.default   50") &&
                        Contains("2.0ms") && !Contains("\033"));
}

TEST_CASE("top as JSON, for some functions only") {
  Harness h;
  json other = Function("f", 3);
  other["namespace"] = "team";
  h.gateway.On(kTop, 200, Page(1000, {Function("f", 0), Function("g", 0), other}));
  h.gateway.On(kTop, 200, Page(3000, {Function("f", 50), Function("g", 2), other}));
  CHECK(h.Run({"top", "f", "nobody", "--once", "--json"}) == 0);
  json look = json::parse(h.out);
  CHECK(look["gateway"] == "http://gw");
  CHECK(look["functions"].size() == 2);
  CHECK(look["functions"][0]["rps"].get<double>() == Approx(25));
  CHECK_THAT(h.err, Contains("there is no function \"nobody\""));
  h.gateway.answers.clear();
  h.gateway.On(kTop, 200, Page(1000, {Function("f", 0), other}));
  CHECK(h.Run({"top", "-n", "team", "--once", "--json"}) == 0);
  look = json::parse(h.out);
  REQUIRE(look["functions"].size() == 1);
  CHECK(look["functions"][0]["namespace"] == "team");
}

TEST_CASE("top on a terminal writes over itself, within its size") {
  Harness h;
  h.out_is_terminal = true;
  h.terminal_size = {.columns = 50, .rows = 8};
  h.looks = 3;
  json many = json::array();
  for (int i = 0; i < 20; ++i) many.push_back(Function("function-" + std::to_string(i), 0));
  h.gateway.On(kTop, 200, Page(1000, many));
  CHECK(h.Run({"top"}) == 0);
  CHECK(h.gateway.seen.size() == 4);
  REQUIRE(h.out.starts_with("\033[H"));
  const std::string screen = h.out.substr(3, h.out.find("\033[J") - 3);
  CHECK(std::count(screen.begin(), screen.end(), '\n') <= 8);
  CHECK_THAT(screen, Contains("… and 17 more\033[K\n"));
  size_t line = 0;
  for (size_t i = 0; i < screen.size(); ++i) {
    if (screen.compare(i, 3, "\033[K") == 0) i += 3;
    line = screen[i] == '\n' ? 0 : line + ((screen[i] & 0xC0) == 0x80 ? 0 : 1);
    REQUIRE(line <= 50);
  }
}

TEST_CASE("top goes on when the gateway is away for a moment, and not when it is refused") {
  Harness h;
  h.looks = 2;
  h.gateway.On(kTop, 200, Page(1000, {Function("f", 0)}));
  h.gateway.On(kTop, 503, R"({"error":"no controller"})");
  h.gateway.On(kTop, 200, Page(5000, {Function("f", 8)}, "two"));
  CHECK(h.Run({"top"}) == 0);
  CHECK_THAT(h.err, Contains("trying again"));
  CHECK_THAT(h.out, Contains("f.default  1.6"));
  Harness refused;
  refused.gateway.On(kTop, 401);
  CHECK(refused.Run({"top"}) == 1);
  CHECK_THAT(refused.err, Contains("hearth login"));
}

TEST_CASE("top: command lines that are wrong") {
  Harness h;
  CHECK(h.Run({"top", "--sort", "colour"}) == 2);
  CHECK_THAT(h.err, Contains("rps, inflight") && Contains("colour"));
  CHECK(h.Run({"top", "--interval", "1ms"}) == 2);
  CHECK_THAT(h.err, Contains("100ms"));
  CHECK(h.Run({"top", "Bad_Name"}) == 2);
  CHECK(h.gateway.seen.empty());
}

}  // namespace
}  // namespace hearth::cli
