#include "watchdog/wire/server_connection.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "watchdog/wire/error_body.h"
#include "watchdog/wire/secret.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;
using std::chrono::seconds;

// Answers by path: /echo with the body, /early before it is read, /late when the test says so.
struct Server final : ConnectionOwner, RequestHandler {
  explicit Server(ConnectionOptions o = {}) : options(o) {
    auto [ours, theirs] = loop.Pipe();
    client = std::make_unique<fakes::TestPeer>(std::move(theirs));
    connection = std::make_unique<ServerConnection>(loop, std::move(ours), options, *this);
  }
  void Send(std::string_view bytes) {
    client->Send(bytes);
    loop.RunUntilIdle();
  }
  void OnRequest(ServerConnection& c) override {
    ++requests;
    body.clear();
    c.SetHandler(this);
    if (c.head().path == "/early") {
      c.Respond(503, {}, "full");
    } else {
      c.ReadBody();
    }
  }
  void OnConnectionClosed(ServerConnection&) override { closed = true; }
  void OnBody(std::string_view piece) override { body.append(piece); }
  void OnBodyEnd(std::string_view t) override {
    trailer = t;
    if (connection->head().path == "/echo") connection->Respond(200, "A: b\r\n", body);
  }
  void OnBodyFailed(BodyFailure f, http::ParseError) override {
    failure = f;
    connection->Respond(400, {}, "");
  }
  void OnWritable() override {}
  void OnPeerGone() override { gone = true; }

  fakes::FakeClock clock;
  fakes::MemoryLoop loop{clock};
  ConnectionOptions options;
  std::unique_ptr<fakes::TestPeer> client;
  std::unique_ptr<ServerConnection> connection;
  std::string body, trailer;
  std::optional<BodyFailure> failure;
  int requests = 0;
  bool closed = false;
  bool gone = false;
};

TEST_CASE("a small body that nobody read is thrown away and the connection goes on",
          "[watchdog][wire]") {
  Server s;
  s.Send(
      "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
  CHECK(s.requests == 2);
  CHECK_THAT(s.client->received(), Contains("full") && Catch::EndsWith("\r\n\r\nok"));
}

TEST_CASE("a large one ends the connection, but the answer arrives first", "[watchdog][wire]") {
  Server s;
  s.Send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
  CHECK_THAT(s.client->received(), Contains("Connection: close\r\n") && Catch::EndsWith("full"));
  s.Send(std::string(1'000'000, 'x'));
  CHECK(s.client->eof());
  CHECK_FALSE(s.client->reset());
  CHECK_FALSE(s.closed);
  s.loop.Advance(seconds(3));
  CHECK(s.closed);
}

TEST_CASE("100 Continue is said only when the body is wanted", "[watchdog][wire]") {
  Server s;
  s.Send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(s.client->TakeReceived() == "HTTP/1.1 100 Continue\r\n\r\n");
  s.Send("hi");
  CHECK_THAT(s.client->TakeReceived(), Catch::EndsWith("hi"));
  s.Send("POST /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK_THAT(s.client->received(),
             Catch::StartsWith("HTTP/1.1 503") && Contains("Connection: close"));
}

TEST_CASE("HTTP/1.0 and HEAD", "[watchdog][wire]") {
  SECTION("1.0 closes") {
    Server s;
    s.Send("GET /echo HTTP/1.0\r\n\r\n");
    CHECK_THAT(s.client->received(), Contains("Connection: close\r\n"));
    CHECK(s.client->eof());
  }
  SECTION("1.0 with keep-alive does not") {
    Server s;
    s.Send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK_THAT(s.client->received(), Contains("Connection: keep-alive\r\n"));
    CHECK_FALSE(s.client->eof());
  }
  SECTION("1.0 gets no chunks") {
    Server s;
    s.Send("GET /late HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    s.connection->Begin(200, {}, {}, std::nullopt);
    s.connection->Write("abc");
    s.connection->End();
    s.loop.RunUntilIdle();
    CHECK_THAT(s.client->received(), Catch::EndsWith("\r\n\r\nabc"));
    CHECK(s.client->eof());
  }
  SECTION("HEAD has the length, not the body") {
    Server s;
    s.Send("HEAD /late HTTP/1.1\r\nHost: a\r\n\r\n");
    s.connection->Respond(200, {}, "12345");
    s.loop.RunUntilIdle();
    CHECK_THAT(s.client->received(), Catch::EndsWith("Content-Length: 5\r\n\r\n"));
  }
}

TEST_CASE("bodies that go wrong", "[watchdog][wire]") {
  ConnectionOptions options;
  options.max_body = 4;
  Server s(options);
  SECTION("cut off") {
    s.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12");
    s.client->FinishSending();
    s.loop.RunUntilIdle();
    CHECK(s.failure == BodyFailure::kCutOff);
  }
  SECTION("malformed chunks") {
    s.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    CHECK(s.failure == BodyFailure::kMalformed);
  }
  SECTION("too large") {
    s.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
    CHECK(s.failure == BodyFailure::kTooLarge);
  }
  SECTION("silent") {
    s.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12");
    s.loop.Advance(seconds(31));
    CHECK(s.failure == BodyFailure::kTimeout);
  }
  CHECK_THAT(s.client->received(), Catch::StartsWith("HTTP/1.1 400"));
  s.client->FinishSending();
  s.loop.Advance(seconds(3));
  CHECK(s.closed);
}

TEST_CASE("a peer that reads nothing is given up", "[watchdog][wire]") {
  Server s;
  s.Send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
  s.client->Pause();
  s.connection->Begin(200, {}, {}, std::nullopt);
  CHECK_FALSE(s.connection->Write(std::string(1'000'000, 'x')));
  s.loop.Advance(seconds(59));
  CHECK_FALSE(s.gone);
  s.loop.Advance(seconds(2));
  CHECK(s.gone);
  CHECK(s.closed);
}

TEST_CASE("however the bytes are cut, the answers are the same", "[watchdog][wire]") {
  rc::prop("split invariance", [](const std::vector<uint8_t>& cuts) {
    const std::string stream =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
        "0\r\nT: v\r\n\r\nGET /early HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\n"
        "Content-Length: 3\r\n\r\nxyz";
    Server whole;
    whole.Send(stream);
    Server cut;
    size_t at = 0;
    for (uint8_t c : cuts) {
      const size_t n = std::min<size_t>(c % 32, stream.size() - at);
      cut.Send(std::string_view(stream).substr(at, n));
      at += n;
    }
    cut.Send(std::string_view(stream).substr(at));
    RC_ASSERT(cut.client->received() == whole.client->received());
    RC_ASSERT(cut.requests == 3);
  });
}

TEST_CASE("errors of the platform say who is at fault", "[watchdog][wire]") {
  const ErrorAnswer ours = MakeError("watchdog", "busy", "a \"b\"");
  CHECK_THAT(ours.fields, Contains("X-Hearth-Error: watchdog;busy\r\n") &&
                              Contains("X-OpenFaaS-Internal: of-watchdog\r\n"));
  CHECK(ours.body == "{\"error\":\"a \\\"b\\\"\",\"reason\":\"busy\"}\n");
  CHECK_THAT(MakeError("function", "crashed", "x").fields, !Contains("X-OpenFaaS-Internal"));
  CHECK(SameSecret("abc", "abc"));
  CHECK_FALSE(SameSecret("abc", "abd"));
  CHECK_FALSE(SameSecret("abc", "ab"));
  CHECK_FALSE(SameSecret("", "a"));
}

}  // namespace
}  // namespace hearth::watchdog
