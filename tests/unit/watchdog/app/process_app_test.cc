#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/unit/watchdog/app/app_fixture.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct ProcessFixture : AppFixture {
  explicit ProcessFixture(const std::string& mode, Environment env = {})
      : AppFixture([&] {
          env.emplace("HEARTH_MODE", mode);
          return env;
        }()) {}
  void Print(std::string_view text) {
    launcher.last().out->Send(text);
    loop.RunUntilIdle();
  }
  void Exit(const ExitInfo& exit) {
    launcher.last().Exit(exit);
    loop.RunUntilIdle();
  }
};

TEST_CASE("streaming: output goes out as it comes", "[watchdog][process]") {
  ProcessFixture f("streaming");
  CHECK(f.launcher.processes.empty());
  CHECK(StatusOf(*f.Get("/_/ready")) == "200");
  auto client = f.Client(
      "POST /p?q=1 HTTP/1.1\r\nHost: f\r\nX-Call-Id: c-1\r\nContent-Length: 4\r\n\r\nbody");
  REQUIRE(f.launcher.processes.size() == 1);
  const auto& env = f.launcher.last().spec.environment;
  CHECK(std::find(env.begin(), env.end(), "Http_Query=q=1") != env.end());
  CHECK(f.launcher.last().in->received() == "body");
  CHECK(f.launcher.last().in->eof());
  f.Print("one");
  CHECK_THAT(client->received(), Contains("Content-Type: application/octet-stream\r\n"));
  CHECK_THAT(client->received(), Catch::EndsWith("3\r\none\r\n"));
  f.launcher.last().err->Send("note\n");
  f.loop.RunUntilIdle();
  CHECK(f.sink.lines == std::vector<std::string>{"stderr|c-1|note"});
  f.Print("two");
  f.Exit({0, 0, false});
  CHECK_THAT(client->received(), Catch::EndsWith("two\r\n0\r\n\r\n"));
  CHECK_FALSE(client->eof());
  CHECK(f.app->front().in_flight() == 0);
}

TEST_CASE("streaming: a failure before the first byte is 500, after it the answer breaks off",
          "[watchdog][process]") {
  ProcessFixture f("streaming");
  auto client = f.Get("/");
  SECTION("before") {
    f.launcher.last().err->Send("no such thing\n");
    f.loop.RunUntilIdle();
    f.Exit({2, 0, false});
    CHECK(StatusOf(*client) == "500");
    CHECK_THAT(client->received(), Contains("function;error"));
    CHECK_THAT(client->received(), Contains("exit status 2\\nno such thing"));
  }
  SECTION("after") {
    f.Print("part");
    f.Exit({2, 0, false});
    CHECK(client->reset());
  }
  SECTION("nothing at all, but well") {
    f.Exit({0, 0, false});
    CHECK(StatusOf(*client) == "200");
    CHECK_THAT(client->received(), Contains("Content-Length: 0\r\n"));
  }
}

TEST_CASE("serializing: the answer is whole or an error", "[watchdog][process]") {
  ProcessFixture f("serializing", {{"content_type", "text/html"}});
  auto client = f.Get("/");
  f.Print("<p>");
  CHECK(client->received().empty());
  SECTION("well") {
    f.Exit({0, 0, false});
    CHECK_THAT(client->received(), Contains("Content-Type: text/html\r\n"));
    CHECK_THAT(client->received(), Contains("Content-Length: 3\r\n"));
  }
  SECTION("not well") {
    f.Exit({1, 0, false});
    CHECK(StatusOf(*client) == "500");
  }
  SECTION("out of memory") {
    f.Exit({0, 9, true});
    CHECK(StatusOf(*client) == "502");
    CHECK_THAT(client->received(), Contains("killed: out of memory"));
  }
}

TEST_CASE("too long: the process and all it started are killed", "[watchdog][process]") {
  ProcessFixture f("serializing", {{"HEARTH_TIMEOUT", "1s"}});
  auto client = f.Get("/");
  f.Advance(milliseconds(1010));
  CHECK(StatusOf(*client) == "504");
  CHECK(f.launcher.last().killed == 1);
  auto again = f.Get("/again");
  CHECK(f.launcher.processes.size() == 2);
}

TEST_CASE("a caller that goes away ends its process", "[watchdog][process]") {
  ProcessFixture f("streaming");
  auto client = f.Get("/");
  client->Abort();
  f.loop.RunUntilIdle();
  CHECK(f.launcher.last().killed >= 1);
  CHECK(f.app->front().in_flight() == 0);
}

TEST_CASE("a process that does not read its input slows the caller", "[watchdog][process]") {
  ProcessFixture f("streaming");
  auto client = f.Client("POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 5000000\r\n\r\n");
  f.launcher.last().in->Pause();
  client->Send(std::string(5'000'000, 'x'));
  f.loop.RunUntilIdle();
  CHECK(client->unsent() > 4'000'000);
  f.launcher.last().in->Resume();
  f.loop.RunUntilIdle();
  CHECK(f.launcher.last().in->received().size() == 5'000'000);
  f.Exit({0, 0, false});
  CHECK(StatusOf(*client) == "200");
}

TEST_CASE("a process may answer without reading its input", "[watchdog][process]") {
  ProcessFixture f("serializing");
  auto client = f.Client("POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 500000\r\n\r\n");
  f.launcher.last().in->Abort();
  client->Send(std::string(500'000, 'x'));
  f.loop.RunUntilIdle();
  f.Print("done");
  f.Exit({0, 0, false});
  CHECK(StatusOf(*client) == "200");
}

TEST_CASE("requests at once have their own processes and call ids", "[watchdog][process]") {
  ProcessFixture f("streaming", {{"HEARTH_CONCURRENCY", "2"}});
  auto a = f.Get("/a", "X-Call-Id: a\r\n");
  auto b = f.Get("/b", "X-Call-Id: b\r\n");
  CHECK(f.launcher.processes.size() == 2);
  CHECK(StatusOf(*f.Get("/c")) == "503");
  f.launcher.processes[0]->err->Send("from a\n");
  f.launcher.processes[1]->err->Send("from b\n");
  f.loop.RunUntilIdle();
  CHECK(f.sink.lines == std::vector<std::string>{"stderr|a|from a", "stderr|b|from b"});
}

}  // namespace
}  // namespace hearth::watchdog
