#include "controller/stream/log_request.h"

#include <catch2/catch.hpp>

#include <map>

namespace hearth::controller {
namespace {

const WallTime kNow{std::chrono::seconds(1'700'000'000)};

absl::StatusOr<LogRequest> Parse(const std::map<std::string, std::string>& query) {
  return ParseLogRequest(
      [&](std::string_view name) -> std::optional<std::string> {
        const auto it = query.find(std::string(name));
        if (it == query.end()) return std::nullopt;
        return it->second;
      },
      "default", kNow);
}

TEST_CASE("the query of faas-cli") {
  const auto r = Parse({{"name", "fn"},
                        {"namespace", "team"},
                        {"follow", "1"},
                        {"tail", "20"},
                        {"since", "2023-11-14T22:00:00Z"},
                        {"instance", "r-1"}});
  REQUIRE(r.ok());
  CHECK(r->query.function == FunctionKey{"team", "fn"});
  CHECK(r->follow);
  CHECK(r->query.tail == 20u);
  CHECK(r->query.since.has_value());
  CHECK(r->query.instance == "r-1");
}

TEST_CASE("defaults, and names with a namespace") {
  auto r = Parse({{"name", "fn"}, {"tail", "-1"}, {"follow", "false"}});
  REQUIRE(r.ok());
  CHECK(r->query.function == FunctionKey{"default", "fn"});
  CHECK_FALSE(r->query.tail.has_value());
  CHECK_FALSE(r->follow);
  r = Parse({{"name", "fn.team"}});
  REQUIRE(r.ok());
  CHECK(r->query.function == FunctionKey{"team", "fn"});
  r = Parse({{"name", "fn"}, {"since", "10m"}});
  REQUIRE(r.ok());
  CHECK(r->query.since == kNow - std::chrono::minutes(10));
}

TEST_CASE("what is wrong is named") {
  CHECK_FALSE(Parse({}).ok());
  CHECK_FALSE(Parse({{"name", "../../etc"}}).ok());
  CHECK_FALSE(Parse({{"name", "fn"}, {"namespace", ".."}}).ok());
  CHECK_FALSE(Parse({{"name", "fn"}, {"namespace", "a/b"}}).ok());
  CHECK_FALSE(Parse({{"name", "fn"}, {"tail", "many"}}).ok());
  CHECK_FALSE(Parse({{"name", "fn"}, {"follow", "maybe"}}).ok());
  CHECK_FALSE(Parse({{"name", "fn"}, {"since", "yesterday"}}).ok());
}

TEST_CASE("a line of the answer") {
  const LogLine line{kNow, "r-1", "stdout", "call", "say \"hi\""};
  CHECK(FormatLogMessage({"ns", "fn"}, line) ==
        "{\"name\":\"fn\",\"namespace\":\"ns\",\"instance\":\"r-1\","
        "\"timestamp\":\"2023-11-14T22:13:20.000000000Z\",\"text\":\"say \\\"hi\\\"\"}\n");
}

}  // namespace
}  // namespace hearth::controller
