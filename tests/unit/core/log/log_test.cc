#include "core/log/log.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "core/base/strings.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/memory_log.h"

namespace hearth::log {
namespace {

using fakes::FakeClock;
using fakes::MemoryLog;

TEST_CASE("lines as people read them") {
  FakeClock clock;
  MemoryLog sink(Format::kText);
  const Logger log(&sink, &clock, Level::kInfo, "gateway");
  const std::string text = "two words";
  log.Info("listening",
           {{"address", "127.0.0.1:8080"}, {"loops", 4}, {"text", text}, {"on", true}});
  log.Warn("slow", {{"took", std::chrono::milliseconds(1500)}, {"ratio", 0.25}, {"n", size_t{7}}});
  log.Debug("not shown");
  log.For("async").Error("line\nbreak", {{"forged", "a\n2023 INFO x: y"}, {"empty", ""}});
  CHECK(sink.lines() ==
        std::vector<std::string>{
            "2023-11-14T22:13:20.000Z INFO  gateway: listening "
            "address=127.0.0.1:8080 loops=4 text=\"two words\" on=true\n",
            "2023-11-14T22:13:20.000Z WARN  gateway: slow took=1.5s ratio=0.25 n=7\n",
            "2023-11-14T22:13:20.000Z ERROR async: line break "
            "forged=\"a\\n2023 INFO x: y\" empty=\"\"\n"});
}

TEST_CASE("lines as machines read them") {
  FakeClock clock;
  MemoryLog sink(Format::kJson);
  const Logger log(&sink, &clock, Level::kDebug, "x");
  log.Debug("e\"", {{"d", std::chrono::milliseconds(1500)}, {"i", -1}, {"s", "a"}, {"b", false}});
  CHECK(sink.lines().at(0) ==
        "{\"time\":\"2023-11-14T22:13:20.000000000Z\",\"level\":\"debug\",\"component\":\"x\","
        "\"event\":\"e\\\"\",\"d\":1.5,\"i\":-1,\"s\":\"a\",\"b\":false}\n");
}

TEST_CASE("levels") {
  CHECK(ParseLevel("WARN") == Level::kWarn);
  CHECK(ParseLevel("warning") == Level::kWarn);
  CHECK_FALSE(ParseLevel("loud"));
  CHECK_FALSE(Logger::Null().Enabled(Level::kError));
  Logger::Null().Error("goes nowhere");
}

TEST_CASE("lines of several threads do not mix") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  FakeClock clock;
  FdSink sink(ends[1], Format::kText);
  const Logger log(&sink, &clock, Level::kInfo, "t");
  std::string all;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<size_t>(n));
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) log.Info("event", {{"x", 1}});
    });
  }
  for (std::thread& writer : writers) writer.join();
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  const auto lines = Split(all, '\n');
  REQUIRE(lines.size() == 801);
  for (size_t i = 0; i < 800; ++i) REQUIRE(lines[i] == lines[0]);
}

TEST_CASE("a rate limit lets one through and counts the rest") {
  RateLimit limit(std::chrono::seconds(1));
  FakeClock clock;
  CHECK(limit.Pass(clock.Now()) == 0);
  CHECK_FALSE(limit.Pass(clock.Now()));
  CHECK_FALSE(limit.Pass(clock.Now()));
  clock.Advance(std::chrono::seconds(1));
  CHECK(limit.Pass(clock.Now()) == 2);
}

}  // namespace
}  // namespace hearth::log
