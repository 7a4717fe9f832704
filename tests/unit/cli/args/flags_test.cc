#include "cli/args/flags.h"

#include <catch2/catch.hpp>

#include "core/base/absl_compat.h"

namespace hearth::cli {
namespace {

using Strings = std::vector<std::string>;

struct Example {
  std::string gateway = "none";
  bool verbose = false, follow = true;
  Strings env;
  uint32_t count = 0;
  Duration timeout = std::chrono::seconds(5);
  std::optional<std::string> data;
  Flags flags;

  Example() {
    flags.Add(&gateway, {.name = "gateway", .letter = 'g', .help = "Where"});
    flags.Add(&verbose, {.name = "verbose", .letter = 'v', .help = "More"});
    flags.Add(&follow, {.name = "tail", .help = "Follow"});
    flags.Add(&env, {.name = "env", .letter = 'e', .help = "Variable"});
    flags.Add(&count, {.name = "count", .help = "How many"});
    flags.Add(&timeout, {.name = "timeout", .help = "How long"});
    flags.Add(&data, {.name = "data", .letter = 'd', .help = "Body"});
  }
};

TEST_CASE("flags and arguments mix in every usual form") {
  Example e;
  auto rest = e.flags.Parse({"one", "--gateway", "http://x", "-v", "--env=A=b", "-e", "C=d",
                             "-eE=f", "--count=3", "--timeout", "1m", "--tail=false", "two", "--",
                             "--not-a-flag", "-x"});
  REQUIRE(rest.ok());
  CHECK(*rest == Strings{"one", "two", "--not-a-flag", "-x"});
  CHECK(e.gateway == "http://x");
  CHECK(e.verbose);
  CHECK_FALSE(e.follow);
  CHECK(e.env == Strings{"A=b", "C=d", "E=f"});
  CHECK(e.count == 3);
  CHECK(e.timeout == std::chrono::minutes(1));
  CHECK_FALSE(e.data.has_value());
}

TEST_CASE("bools") {
  for (const auto& [arg, verbose] :
       std::vector<std::pair<std::string, bool>>{{"--verbose", true},
                                                 {"--verbose=true", true},
                                                 {"--verbose=false", false},
                                                 {"--no-verbose", false},
                                                 {"-v", true}}) {
    DYNAMIC_SECTION(arg) {
      Example e;
      e.verbose = !verbose;
      REQUIRE(e.flags.Parse({arg}).ok());
      CHECK(e.verbose == verbose);
    }
  }
}

TEST_CASE("a lone dash is an argument, an empty value is a value") {
  Example e;
  auto rest = e.flags.Parse({"-", "-d", "", "-vg", "u"});
  REQUIRE(rest.ok());
  CHECK(*rest == Strings{"-"});
  CHECK(e.data == "");
  CHECK(e.verbose);
  CHECK(e.gateway == "u");
}

TEST_CASE("wrong command lines are usage errors that say what to do") {
  struct Case {
    Strings args;
    std::string needle;
  };
  const std::vector<Case> cases = {
      {{"--gatway", "x"}, "did you mean \"--gateway\"?"},
      {{"--gateway"}, "needs a value"},
      {{"-g"}, "needs a value"},
      {{"-z"}, "unknown flag -z"},
      {{"--count", "-1"}, "whole number"},
      {{"--count=many"}, "\"many\""},
      {{"--count=4294967296"}, "whole number"},
      {{"--timeout=soon"}, "\"soon\""},
      {{"--verbose=perhaps"}, "true or false"},
      {{"--no-gateway"}, "unknown flag"},
  };
  for (const auto& c : cases) {
    DYNAMIC_SECTION(c.args[0]) {
      Example e;
      auto rest = e.flags.Parse(c.args);
      REQUIRE_FALSE(rest.ok());
      CHECK(IsUsageError(rest.status()));
      CHECK_THAT(std::string(Message(rest.status())), Catch::Contains(c.needle));
    }
  }
  CHECK_FALSE(IsUsageError(InvalidArgument("x")));
}

TEST_CASE("help is aligned and names defaults") {
  Example e;
  const std::string help = e.flags.HelpText();
  CHECK_THAT(help, Catch::Contains("  -g, --gateway TEXT"));
  CHECK_THAT(help, Catch::Contains("How long (default 5s)"));
  CHECK_THAT(help, Catch::Contains("Variable (may be repeated)"));
  const size_t where = help.find("Where"), more = help.find("More");
  CHECK(where - help.rfind('\n', where) == more - help.rfind('\n', more));
}

}  // namespace
}  // namespace hearth::cli
