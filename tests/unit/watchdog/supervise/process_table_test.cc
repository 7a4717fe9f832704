#include "watchdog/supervise/process_table.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <algorithm>

namespace hearth::watchdog {
namespace {

TEST_CASE("a line of /proc/PID/stat is read whatever the name", "[watchdog][supervise]") {
  CHECK(ParseStat("12 (cat) S 3 12 4 0 -1") == ProcessEntry{12, 3, 12, 4, 'S'});
  CHECK(ParseStat("12 (a) b (c) Z 3 12 4 0") == ProcessEntry{12, 3, 12, 4, 'Z'});
  CHECK_FALSE(ParseStat("12 cat"));
  CHECK_FALSE(ParseStat(""));
  CHECK_FALSE(ParseStat("12 (cat) S"));
}

TEST_CASE("the tree of a process is itself, its descendants, its session",
          "[watchdog][supervise]") {
  const std::vector<ProcessEntry> table = {
      {1, 0, 1, 1, 'S'},     {10, 1, 10, 10, 'S'},  // two roots below 1
      {20, 1, 20, 20, 'S'},  {11, 10, 10, 10, 'S'},
      {12, 11, 12, 12, 'S'},  // in a session of its own, but its parent is known
      {13, 1, 10, 10, 'S'},   // adopted, still in the session
      {14, 13, 14, 14, 'S'},  // child of the adopted one
      {15, 10, 10, 10, 'Z'},  // dead already
      {30, 1, 30, 30, 'S'},   // adopted, in a session of its own: nobody's
  };
  CHECK(TreeOf(table, 10) == std::vector<pid_t>{10, 11, 12, 13, 14});
  CHECK(TreeOf(table, 20) == std::vector<pid_t>{20});
  CHECK(Strays(table, 1, {10, 20}) == std::vector<pid_t>{30});
  CHECK(Strays(table, 1, {10}) == std::vector<pid_t>{20, 30});
}

TEST_CASE("the table shows this process", "[watchdog][supervise]") {
  const auto table = ReadProcessTable();
  CHECK(std::any_of(table.begin(), table.end(),
                    [](const ProcessEntry& e) { return e.pid == getpid(); }));
}

}  // namespace
}  // namespace hearth::watchdog
