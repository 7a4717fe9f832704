#include <catch2/catch.hpp>

#include "tests/unit/watchdog/app/app_fixture.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("after SIGTERM it goes on accepting and leaves after a quiet time", "[watchdog][drain]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto before = f.Get("/before");
  f.app->Terminate();
  CHECK_THAT(f.Control("GET /status"), Contains("\"state\":\"draining\""));
  f.Advance(seconds(10));  // one is inside: nothing ends
  CHECK_FALSE(f.exit_code);
  CHECK(f.launcher.last().terminated == 0);
  runtime.Respond(runtime.TakeId(), "1");
  CHECK_THAT(before->received(), Contains("X-Hearth-Draining: 1\r\n"));
  CHECK_THAT(before->received(), Contains("Connection: close\r\n"));
  runtime.AskNext();
  f.Advance(milliseconds(1900));
  auto late = f.Get("/late");
  runtime.Respond(runtime.TakeId(), "2");
  CHECK(StatusOf(*late) == "200");
  CHECK(StatusOf(*f.Get("/_/ready")) == "503");
  CHECK(StatusOf(*f.Get("/_/health")) == "503");
  f.Advance(milliseconds(1900));
  CHECK(f.launcher.last().terminated == 0);
  f.Advance(milliseconds(200));
  CHECK(f.launcher.last().terminated == 1);
  CHECK_FALSE(f.exit_code);
  f.launcher.last().Exit({0, 15, false});
  f.loop.RunUntilIdle();
  CHECK(f.exit_code == 0);
}

TEST_CASE("out of every route it leaves as soon as nothing is inside", "[watchdog][drain]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  CHECK_THAT(f.Control("POST /drain"), Contains("202"));
  f.Advance(seconds(5));
  CHECK(f.launcher.last().terminated == 0);
  runtime.Respond(runtime.TakeId(), "1");
  f.Advance(milliseconds(20));
  CHECK(f.launcher.last().terminated == 1);
  SECTION("a function that ignores SIGTERM is killed") {
    f.Advance(seconds(6));
    CHECK(f.launcher.last().killed == 1);
    CHECK(f.exit_code == 0);
  }
}

TEST_CASE("a drained replica that never became ready leaves too", "[watchdog][drain]") {
  AppFixture f(Environment{});
  f.app->LeaveWhenEmpty();
  f.Advance(milliseconds(20));
  CHECK(f.launcher.last().terminated == 1);
}

TEST_CASE("the end of an answer reaches a slow reader before the watchdog leaves",
          "[watchdog][drain]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  client->Pause();
  runtime.Respond(runtime.TakeId(), '"' + std::string(1'000'000, 'x') + '"');
  CHECK(f.app->front().in_flight() == 0);
  f.app->LeaveWhenEmpty();
  f.Advance(seconds(1));
  CHECK(f.launcher.last().terminated == 0);
  client->Resume();
  f.Advance(milliseconds(30));
  CHECK(client->received().size() > 1'000'000);
  CHECK(f.launcher.last().terminated == 1);
}

TEST_CASE("the stream of events tells every change", "[watchdog][control]") {
  AppFixture f(Environment{});
  fakes::TestPeer events(f.loop, "10.0.0.1:8081");
  events.Send("GET /events HTTP/1.1\r\nHost: c\r\n\r\n");
  f.loop.RunUntilIdle();
  CHECK_THAT(events.TakeReceived(), Contains("\"state\":\"starting\""));
  FakeRuntime runtime(f);
  runtime.AskNext();
  CHECK_THAT(events.TakeReceived(), Contains("\"state\":\"ready\""));
  f.launcher.last().Exit({1, 0, false});
  f.loop.RunUntilIdle();
  CHECK_THAT(events.TakeReceived(), Contains("\"restarts\":1"));
  f.app->Terminate();
  f.loop.RunUntilIdle();
  CHECK_THAT(events.TakeReceived(), Contains("\"state\":\"draining\""));
}

TEST_CASE("a token guards requests and control, not health", "[watchdog][control]") {
  AppFixture f(Environment{{"HEARTH_TOKEN", "secret"}});
  CHECK(StatusOf(*f.Get("/")) == "401");
  CHECK(StatusOf(*f.Get("/", "X-Hearth-Token: secreT\r\n")) == "401");
  CHECK(StatusOf(*f.Get("/_/health")) == "200");
  CHECK_THAT(f.Control("GET /status"), Contains("401"));
  CHECK_THAT(f.Control("POST /drain"), Contains("401"));
  CHECK_THAT(f.Control("GET /metrics"), Contains("200"));
  CHECK_THAT(f.Control("GET /status HTTP/1.1\r\nX-Hearth-Token: secret\r\nX-Rest:"),
             Contains("200"));
}

TEST_CASE("the announcement is repeated until it is taken", "[watchdog][control]") {
  AppFixture f(Environment{{"HEARTH_ANNOUNCE", "http://10.0.0.9:1/announce?x=1"},
                           {"HEARTH_TOKEN", "secret"}});
  fakes::TestServer controller(f.loop, "10.0.0.9:1");
  int answers = 0;
  controller.on_change = [&](fakes::TestPeer& peer) {
    if (peer.received().find("}") == std::string::npos || peer.eof()) return;
    const std::string request = peer.TakeReceived();
    CHECK_THAT(request, Catch::StartsWith("POST /announce?x=1 HTTP/1.1\r\n"));
    CHECK_THAT(request, Contains("X-Hearth-Token: secret\r\n"));
    CHECK_THAT(request, Contains("\"state\":\"ready\""));
    ++answers;
    peer.Send(answers < 3 ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                          : "HTTP/1.1 204 No Content\r\n\r\n");
  };
  f.Advance(seconds(1));
  CHECK(answers == 0);
  FakeRuntime runtime(f);
  runtime.AskNext();
  f.Advance(seconds(10));
  CHECK(answers == 3);
}

TEST_CASE("requests that wait too long for readiness may go elsewhere", "[watchdog][front]") {
  AppFixture f(Environment{{"HEARTH_TIMEOUT", "1s"}});
  auto client = f.Get("/");
  CHECK(StatusOf(*f.Get("/second")) == "503");  // the slot is taken by the one that waits
  f.Advance(milliseconds(1010));
  CHECK(StatusOf(*client) == "503");
  CHECK_THAT(client->received(), Contains("watchdog;not_ready"));
  CHECK_THAT(client->received(), Contains("X-Hearth-Busy: not-started\r\n"));
}

TEST_CASE("what is no HTTP is refused by name", "[watchdog][front]") {
  AppFixture f(Environment{});
  struct Case {
    std::string bytes, status, reason;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400", "watchdog;length_and_chunked"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505", "watchdog;bad_version"},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", "414",
       "watchdog;request_line_too_long"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70000, 'a') + "\r\n\r\n", "431",
       "watchdog;head_too_large"},
  };
  for (const Case& k : cases) {
    auto client = f.Client(k.bytes);
    CHECK(StatusOf(*client) == k.status);
    CHECK_THAT(client->received(), Contains(k.reason));
    CHECK(client->eof());
  }
}

TEST_CASE("slow requests get 408", "[watchdog][front]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto head = f.Client("GET / HTTP/1.1\r\nHo");
  auto body = f.Client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12");
  f.Advance(seconds(11));
  CHECK(StatusOf(*head) == "408");
  f.Advance(seconds(20));
  CHECK(StatusOf(*body) == "408");
  CHECK(f.app->front().in_flight() == 0);
}

TEST_CASE("a kept connection serves one request after the other", "[watchdog][front]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Client("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  runtime.Respond(runtime.TakeId(), "\"one\"");
  runtime.AskNext();
  runtime.Respond(runtime.TakeId(), "\"two\"");
  CHECK_THAT(client->received(), Contains("one"));
  CHECK_THAT(client->received(), Catch::EndsWith("two"));
  CHECK_FALSE(client->eof());
  f.Advance(seconds(80));
  CHECK(client->eof());
}

TEST_CASE("a peer that only ended its sending side still gets the answer", "[watchdog][front]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  client->FinishSending();
  f.loop.RunUntilIdle();
  runtime.Respond(runtime.TakeId(), "1");
  CHECK(StatusOf(*client) == "200");
}

}  // namespace
}  // namespace hearth::watchdog
