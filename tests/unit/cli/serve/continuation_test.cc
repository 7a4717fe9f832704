#include "cli/serve/continuation.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include "cli/serve/child_process.h"
#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"

namespace hearth::cli {
namespace {

using namespace std::chrono_literals;

TEST_CASE("what serve tells itself is read as it was written") {
  Continuation before;
  before.lock = 7;
  before.gateway = 100;
  before.controller = 101;
  CHECK(*Continuation::Parse(before.Format()) == before);
  before.leaving = {90, 91};
  CHECK(*Continuation::Parse(before.Format()) == before);
  CHECK(*Continuation::Parse(before.Format() + " newer=1") == before);
  for (const char* text : {"", "check", "lock=7", "lock=7 gateway=0 controller=2", "lock=x",
                           "lock=7 gateway=1 controller=99999999999"}) {
    INFO(text);
    const auto bad = Continuation::Parse(text);
    REQUIRE_FALSE(bad.ok());
    CHECK_THAT(std::string(Message(bad.status())), Catch::Contains("HEARTH_SERVE_CONTINUE"));
  }
}

TEST_CASE("a program is tried before it takes this one's place") {
  const RealClock clock;
  const auto attempt = [&](const std::string& script, Duration patience) {
    return TryProgram({"/bin/sh", "-c", script}, "HEARTH_TEST_TRY=yes", patience, clock);
  };
  CHECK(attempt("test \"$HEARTH_TEST_TRY\" = yes", 10s).ok());
  const absl::Status failed = attempt("echo no such flag >&2; exit 2", 10s);
  CHECK_THAT(std::string(Message(failed)), Catch::Contains("no such flag"));
  CHECK_THAT(std::string(Message(attempt("exec sleep 60", 200ms))), Catch::Contains("200ms"));
  const absl::Status missing = TryProgram({"/nonexistent/hearth"}, "A=b", 10s, clock);
  CHECK_THAT(std::string(Message(missing)), Catch::Contains("/nonexistent/hearth"));
}

}  // namespace
}  // namespace hearth::cli
