#include <catch2/catch.hpp>

#include "tests/unit/watchdog/app/app_fixture.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

// http mode with the function's server played by the test.
struct ProxyFixture : AppFixture {
  explicit ProxyFixture(Environment env = {})
      : AppFixture([&] {
          env.emplace("HEARTH_MODE", "http");
          env.emplace("HEARTH_UPSTREAM", "http://10.0.0.2:5000");
          return env;
        }()),
        server(loop, "10.0.0.2:5000") {
    Advance(milliseconds(200));
  }
  // The connection that carries the newest request; probes come and go before it.
  fakes::TestPeer& Upstream() { return server.last(); }
  void Answer(std::string_view bytes) {
    Upstream().TakeReceived();
    Upstream().Send(bytes);
    loop.RunUntilIdle();
  }
  fakes::TestServer server;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_CASE("ready is what answers", "[watchdog][http]") {
  SECTION("a connection is enough") {
    AppFixture f(Environment{{"HEARTH_MODE", "http"}, {"HEARTH_UPSTREAM", "http://10.0.0.2:5000"}});
    f.Advance(milliseconds(100));
    CHECK(StatusOf(*f.Get("/_/ready")) == "503");
    const fakes::TestServer server(f.loop, "10.0.0.2:5000");
    f.Advance(milliseconds(100));
    CHECK(StatusOf(*f.Get("/_/ready")) == "200");
  }
  SECTION("a ready path has to say 2xx") {
    AppFixture f(Environment{{"HEARTH_MODE", "http"},
                             {"HEARTH_UPSTREAM", "http://10.0.0.2:5000"},
                             {"HEARTH_READY_PATH", "/up"}});
    fakes::TestServer server(f.loop, "10.0.0.2:5000");
    std::string status = "500";
    server.on_change = [&](fakes::TestPeer& peer) {
      if (!peer.received().ends_with("\r\n\r\n")) return;
      CHECK_THAT(peer.TakeReceived(), Catch::StartsWith("GET /up HTTP/1.1\r\n"));
      peer.Send("HTTP/1.1 " + status + " x\r\nContent-Length: 0\r\n\r\n");
    };
    f.Advance(milliseconds(300));
    CHECK(StatusOf(*f.Get("/_/ready")) == "503");
    status = "204";
    f.Advance(milliseconds(300));
    CHECK(StatusOf(*f.Get("/_/ready")) == "200");
  }
}

TEST_CASE("a request goes through as it is, but for this hop's fields", "[watchdog][http]") {
  ProxyFixture f;
  auto client = f.Client(
      "POST /a/b?x=1&y HTTP/1.1\r\nHost: shop.example\r\nX-Mine: 1\r\nX-Call-Id: "
      "c-1\r\nKeep-Alive: "
      "5\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\nabc");
  const std::string got = f.Upstream().received();
  CHECK_THAT(got, Catch::StartsWith("POST /a/b?x=1&y HTTP/1.1\r\n"));
  CHECK_THAT(got, Contains("Host: shop.example\r\n"));
  CHECK_THAT(got, Contains("X-Mine: 1\r\n"));
  CHECK_THAT(got, Contains("X-Call-Id: c-1\r\n"));
  CHECK_THAT(got, Contains("Content-Length: 3\r\n"));
  CHECK_THAT(got, !Contains("X-Hop") && !Contains("Keep-Alive"));
  CHECK_THAT(got, Catch::EndsWith("\r\n\r\nabc"));
  f.Answer("HTTP/1.1 418 Teapot\r\nX-Yours: 2\r\nContent-Length: 4\r\n\r\nbrew");
  CHECK_THAT(client->received(), Catch::StartsWith("HTTP/1.1 418 Teapot\r\n"));
  CHECK_THAT(client->received(), Contains("X-Yours: 2\r\n"));
  CHECK_THAT(client->received(), Contains("X-Call-Id: c-1\r\n"));
  CHECK_THAT(client->received(), Catch::EndsWith("\r\n\r\nbrew"));
}

TEST_CASE("connections to the function are kept", "[watchdog][http]") {
  ProxyFixture f;
  auto one = f.Get("/1");
  const size_t connections = f.server.size();
  f.Answer(kOk);
  auto two = f.Get("/2");
  CHECK(f.server.size() == connections);
  f.Answer(kOk);
  CHECK(StatusOf(*two) == "200");
  f.Upstream().Close();
  f.loop.RunUntilIdle();
  auto three = f.Get("/3");
  CHECK(f.server.size() == connections + 1);
  f.Answer(kOk);
  CHECK(StatusOf(*three) == "200");
}

TEST_CASE("bodies stream both ways with their framing", "[watchdog][http]") {
  ProxyFixture f;
  auto client =
      f.Client("PUT / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  CHECK_THAT(f.Upstream().received(), Catch::EndsWith("\r\n\r\n3\r\nabc\r\n"));
  client->Send("0\r\nX-Sum: 9\r\n\r\n");
  f.loop.RunUntilIdle();
  CHECK_THAT(f.Upstream().received(), Catch::EndsWith("0\r\nX-Sum: 9\r\n\r\n"));
  f.Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  CHECK_THAT(client->received(), Catch::EndsWith("2\r\nhi\r\n"));
  f.Answer("0\r\n\r\n");
  CHECK_THAT(client->received(), Catch::EndsWith("0\r\n\r\n"));
}

TEST_CASE("a reader that is slow slows the function, not the memory", "[watchdog][http]") {
  ProxyFixture f;
  auto client = f.Get("/");
  client->Pause();
  f.Upstream().Send("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n");
  f.Upstream().Send(std::string(8'000'000, 'x'));
  f.loop.RunUntilIdle();
  CHECK(f.Upstream().unsent() > 7'000'000);
  client->Resume();
  f.loop.RunUntilIdle();
  CHECK(f.Upstream().unsent() == 0);
  CHECK(client->received().size() > 8'000'000);
}

TEST_CASE("an upgrade becomes a tunnel, half-closed sides included", "[watchdog][http]") {
  ProxyFixture f;
  auto client = f.Get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  CHECK_THAT(f.Upstream().received(), Contains("Upgrade: websocket\r\n"));
  f.Answer(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\n\r\nhello");
  CHECK_THAT(client->received(), Contains("101 Switching Protocols\r\n"));
  CHECK_THAT(client->received(), Contains("Upgrade: websocket\r\n"));
  CHECK_THAT(client->received(), Catch::EndsWith("\r\n\r\nhello"));
  client->Send("to the function");
  f.loop.RunUntilIdle();
  CHECK(f.Upstream().received() == "to the function");
  client->FinishSending();
  f.loop.RunUntilIdle();
  CHECK(f.Upstream().eof());
  f.Answer("last words");
  CHECK_THAT(client->received(), Catch::EndsWith("hellolast words"));
  CHECK(f.app->front().in_flight() == 1);
  f.Upstream().FinishSending();
  f.loop.RunUntilIdle();
  CHECK(client->eof());
  CHECK(f.app->front().in_flight() == 0);
}

TEST_CASE("too long: only that connection is closed while the server answers others",
          "[watchdog][http]") {
  ProxyFixture f(Environment{{"HEARTH_TIMEOUT", "2s"}});
  auto slow = f.Get("/slow");
  fakes::TestPeer& slow_upstream = f.Upstream();
  f.Advance(milliseconds(1500));
  auto other = f.Get("/other");
  f.Advance(milliseconds(510));
  CHECK(StatusOf(*slow) == "504");
  CHECK((slow_upstream.reset() || slow_upstream.eof()));
  CHECK(f.launcher.last().killed == 0);
  // The probe is the newest connection; the one before it is the other request's.
  fakes::TestPeer& upstream = f.server.peer(f.server.size() - 2);
  upstream.Send(kOk);
  f.loop.RunUntilIdle();
  CHECK(StatusOf(*other) == "200");
  f.Advance(seconds(10));
  CHECK(f.launcher.last().killed == 0);
}

TEST_CASE("a server that answers nothing any more is replaced", "[watchdog][http]") {
  ProxyFixture f(Environment{{"HEARTH_TIMEOUT", "2s"}});
  auto hung = f.Get("/hung");
  f.Advance(milliseconds(2010));
  CHECK(StatusOf(*hung) == "504");
  CHECK(f.launcher.last().killed == 0);
  SECTION("it answers the probe: it stays") {
    f.Answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    f.Advance(seconds(10));
    CHECK(f.launcher.processes.size() == 1);
  }
  SECTION("it does not: it goes") {
    f.Advance(milliseconds(2010));
    CHECK(f.launcher.processes.size() == 2);
    CHECK_THAT(f.Control("GET /status"), Contains("\"restarts\":1"));
  }
  SECTION("but not with a request inside whose time is not over") {
    auto inside = f.Get("/inside");
    f.Advance(milliseconds(1900));
    CHECK(f.launcher.processes.size() == 1);
    f.Advance(milliseconds(500));
    CHECK(StatusOf(*inside) == "504");
    f.Advance(seconds(3));
    CHECK(f.launcher.processes.size() == 2);
  }
}

TEST_CASE("a crash is told from a bad answer", "[watchdog][http]") {
  ProxyFixture f;
  SECTION("the process ended") {
    auto client = f.Get("/");
    f.Upstream().Close();
    f.loop.RunUntilIdle();
    CHECK(client->received().empty());
    f.launcher.last().Exit({3, 0, false});
    f.loop.RunUntilIdle();
    CHECK(StatusOf(*client) == "502");
    CHECK_THAT(client->received(), Contains("function;crashed"));
    CHECK_THAT(client->received(), Contains("exit status 3"));
  }
  SECTION("it only closed the connection") {
    auto client = f.Get("/");
    f.Upstream().Close();
    f.Advance(milliseconds(60));
    CHECK_THAT(client->received(), Contains("function;bad_response"));
  }
  SECTION("it does not speak HTTP") {
    auto client = f.Get("/");
    f.Answer("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    f.Advance(milliseconds(60));
    CHECK_THAT(client->received(), Contains("function;bad_response"));
  }
  SECTION("a body that breaks off does not look whole") {
    auto client = f.Get("/");
    f.Answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    f.Upstream().Close();
    f.Advance(milliseconds(60));
    CHECK(client->reset());
  }
}

TEST_CASE("a caller that goes away costs its upstream connection", "[watchdog][http]") {
  ProxyFixture f;
  auto client = f.Get("/");
  client->Abort();
  f.loop.RunUntilIdle();
  CHECK(f.app->front().in_flight() == 0);
  CHECK((f.Upstream().reset() || f.Upstream().eof()));
}

TEST_CASE("silence inside an answer has a limit of its own", "[watchdog][http]") {
  ProxyFixture f(Environment{{"HEARTH_STREAM_IDLE_TIMEOUT", "5s"}, {"HEARTH_TIMEOUT", "1s"}});
  auto client = f.Get("/");
  f.Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  for (int i = 0; i < 5; ++i) {
    f.Advance(seconds(4));
    f.Answer("1\r\nb\r\n");
  }
  CHECK_FALSE(client->reset());
  f.Advance(milliseconds(5100));
  CHECK(client->reset());
}

}  // namespace
}  // namespace hearth::watchdog
