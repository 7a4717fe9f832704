#include "cli/terminal/terminal.h"

#include <catch2/catch.hpp>

#include <sstream>

namespace hearth::cli {
namespace {

TEST_CASE("tables are aligned by characters") {
  Table table({"NAME", "STATE", "N"});
  table.Add({"a", "Ready", "1"});
  table.Add({"größer", "", "20"});
  table.Add({"x", "Ready", ""});
  CHECK(table.Text() ==
        "NAME     STATE   N\n"
        "a        Ready   1\n"
        "größer           20\n"
        "x        Ready\n");
}

TEST_CASE("colours and progress appear on a terminal only") {
  std::ostringstream out, err;
  Terminal plain(out, err, {});
  plain.Progress("working");
  plain.EndProgress();
  plain.Error("bad");
  CHECK(plain.Out(Terminal::Style::kBold, "x") == "x");
  CHECK(err.str() == "error: bad\n");

  err.str("");
  Terminal tty(out, err, {.out_is_terminal = true, .err_is_terminal = true, .colour = true});
  tty.Progress("working");
  CHECK_THAT(err.str(), Catch::Contains("working"));
  tty.Note("done");
  CHECK_THAT(err.str(), Catch::EndsWith("\r\033[Kdone\n"));
  CHECK(tty.Out(Terminal::Style::kRed, "x") == "\033[31mx\033[0m");

  Terminal out_only(out, err, {.out_is_terminal = true, .err_is_terminal = false, .colour = true});
  CHECK(out_only.Err(Terminal::Style::kRed, "x") == "x");
}

TEST_CASE("text from elsewhere cannot drive the terminal") {
  CHECK(Printable("a\033[2Jb\r\n\tc\x7f") == "a?[2Jb?\n\tc?");
}

TEST_CASE("ages") {
  CHECK(ShortAge(-5) == "0s");
  CHECK(ShortAge(59) == "59s");
  CHECK(ShortAge(60) == "1m");
  CHECK(ShortAge(3600) == "1h");
  CHECK(ShortAge(47 * 3600) == "47h");
  CHECK(ShortAge(86400 * 4) == "4d");
}

}  // namespace
}  // namespace hearth::cli
