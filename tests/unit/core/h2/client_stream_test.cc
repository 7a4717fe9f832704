// Our two sides of the translation against each other: HTTP/1.1 text in, HTTP/2 on the wire,
// HTTP/1.1 text out.
#include "core/h2/client_stream.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "core/h2/server_session.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"

namespace hearth::h2 {
namespace {

using fakes::TestPeer;

// A server whose requests are played by the test.
class Server final : public SessionOwner {
 public:
  explicit Server(fakes::MemoryLoop& loop) : loop_(loop) {}
  void Accept(std::unique_ptr<net::Stream> stream, Options options = {}) {
    session = std::make_unique<ServerSession>(loop_, std::move(stream), options, *this);
    session->Start({});
  }
  bool HasRoom() override { return room; }
  void OnStream(std::unique_ptr<net::Stream> stream) override {
    requests.push_back(std::make_unique<TestPeer>(std::move(stream)));
  }
  void OnRefused(int status, std::string_view reason) override {
    refused.emplace_back(std::to_string(status) + " " + std::string(reason));
  }
  void OnSessionClosed() override { ended = true; }

  std::vector<std::unique_ptr<TestPeer>> requests;
  std::vector<std::string> refused;
  std::unique_ptr<ServerSession> session;
  bool room = true;
  bool ended = false;

 private:
  fakes::MemoryLoop& loop_;
};

struct World {
  explicit World(size_t capacity = 64 * 1024) : server(loop) {
    loop.set_pipe_capacity(capacity);
    auto [near, far] = loop.Pipe();
    server.Accept(std::move(far));
    client = std::make_unique<TestPeer>(NewClientStream(loop, std::move(near)));
    loop.RunUntilIdle();
  }
  void Send(TestPeer& peer, std::string_view bytes) {
    peer.Send(bytes);
    loop.RunUntilIdle();
  }
  TestPeer& request(size_t i) { return *server.requests.at(i); }
  // As the gateway does: answers, and closes what carried one request only.
  void Answer(size_t i, std::string_view bytes) {
    Send(request(i), bytes);
    request(i).Close();
    loop.RunUntilIdle();
  }

  fakes::FakeClock clock;
  fakes::MemoryLoop loop{clock};
  Server server;
  std::unique_ptr<TestPeer> client;
};

TEST_CASE("requests follow one another on one connection") {
  World w;
  for (size_t i = 0; i < 20; ++i) {
    w.Send(*w.client, "GET /x?y=1 HTTP/1.1\r\nHost: f\r\nX-A: b\r\n\r\n");
    REQUIRE(w.server.requests.size() == i + 1);
    CHECK(w.request(i).received() ==
          "GET /x?y=1 HTTP/1.1\r\nHost: f\r\nx-a: b\r\nConnection: close\r\n\r\n");
    w.Answer(i, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-C: d\r\n\r\nok");
    CHECK(w.client->TakeReceived() == "HTTP/1.1 200 OK\r\nx-c: d\r\nContent-Length: 2\r\n\r\nok");
    CHECK_FALSE(w.client->eof());
  }
  CHECK(w.server.session->streams() == 0);
}

TEST_CASE("every kind of answer comes out as it went in") {
  struct Case {
    std::string name, request, answer, expected;
  };
  const std::string get = "GET / HTTP/1.1\r\nHost: f\r\n\r\n";
  const std::vector<Case> cases = {
      {"no body", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"no content", get, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
      {"HEAD", "HEAD / HTTP/1.1\r\nHost: f\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"},
      {"not modified", get, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
       "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n"},
      {"chunks and a trailer", get,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\nX-T: "
       "1\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\nx-t: 1\r\n\r\n"},
      {"an interim answer before", get,
       "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\nx",
       "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\nx"},
      {"gRPC's answer without a message", get,
       "HTTP/1.1 200 OK\r\nGrpc-Status: 12\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 200 OK\r\ngrpc-status: 12\r\nContent-Length: 0\r\n\r\n"},
  };
  for (const Case& c : cases) {
    for (const size_t capacity : {64 * 1024, 7}) {
      DYNAMIC_SECTION(c.name << " through " << capacity << " bytes") {
        World w(capacity);
        w.Send(*w.client, c.request);
        REQUIRE(w.server.requests.size() == 1);
        w.Answer(0, c.answer);
        CHECK(w.client->received() == c.expected);
        w.client->TakeReceived();
        w.Send(*w.client, get);
        REQUIRE(w.server.requests.size() == 2);
        w.Answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        CHECK(w.client->received() == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    }
  }
}

TEST_CASE("both bodies are under way at once") {
  World w;
  w.Send(*w.client, "POST /s HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n");
  w.Send(w.request(0), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(w.client->TakeReceived() == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  w.request(0).TakeReceived();
  for (int i = 0; i < 10; ++i) {
    w.Send(*w.client, "4\r\nping\r\n");
    CHECK(w.request(0).TakeReceived() == "4\r\nping\r\n");
    w.Send(w.request(0), "4\r\npong\r\n");
    CHECK(w.client->TakeReceived() == "4\r\npong\r\n");
  }
  w.Send(*w.client, "0\r\nX-End: 1\r\n\r\n");
  CHECK(w.request(0).TakeReceived() == "0\r\nx-end: 1\r\n\r\n");
  w.Send(w.request(0), "0\r\nGrpc-Status: 0\r\n\r\n");
  CHECK(w.client->TakeReceived() == "0\r\ngrpc-status: 0\r\n\r\n");
  CHECK_FALSE(w.client->eof());
}

TEST_CASE("large bodies pass whole through small pipes") {
  World w(3000);
  const std::string up(1'500'000, 'u');
  const std::string down(1'500'000, 'd');
  w.Send(*w.client, "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 1500000\r\n\r\n" + up);
  CHECK(w.request(0).received().ends_with(up));
  w.Send(w.request(0), "HTTP/1.1 200 OK\r\nContent-Length: 1500000\r\n\r\n" + down);
  CHECK(w.client->received() == "HTTP/1.1 200 OK\r\nContent-Length: 1500000\r\n\r\n" + down);
}

TEST_CASE("nobody's buffer grows while the other side does not read") {
  World w;
  SECTION("the server") {
    w.Send(*w.client, "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 9000000\r\n\r\n");
    w.request(0).Pause();
    w.Send(*w.client, std::string(9'000'000, 'u'));
    CHECK(w.client->unsent() > 8'000'000);
  }
  SECTION("the client") {
    w.Send(*w.client, "GET / HTTP/1.1\r\nHost: f\r\n\r\n");
    w.client->Pause();
    w.Send(w.request(0),
           "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + std::string(9'000'000, 'd'));
    CHECK(w.request(0).unsent() > 8'000'000);
  }
}

TEST_CASE("a reset on one side is one on the other") {
  World w;
  w.Send(*w.client, "GET / HTTP/1.1\r\nHost: f\r\n\r\n");
  SECTION("of the answer") {
    w.Send(w.request(0), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
    w.request(0).Abort();
    w.loop.RunUntilIdle();
    CHECK(w.client->received() == "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
    CHECK(w.client->reset());
  }
  SECTION("of the request") {
    w.client->Abort();
    w.loop.RunUntilIdle();
    CHECK(w.request(0).reset());
    CHECK(w.server.ended);
  }
  SECTION("refused for want of room") {
    w.server.room = false;
    auto [near, far] = w.loop.Pipe();
    w.server.Accept(std::move(far));
    TestPeer other(NewClientStream(w.loop, std::move(near)));
    w.Send(other, "GET / HTTP/1.1\r\nHost: f\r\n\r\n");
    CHECK(other.reset());
    CHECK(other.received().empty());
  }
}

TEST_CASE("an answer that comes before the request is whole") {
  World w;
  w.Send(*w.client, "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 10\r\n\r\nabc");
  w.Answer(0, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  CHECK(w.client->received() == "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  CHECK(w.client->eof());
}

TEST_CASE("a server that leaves ends an idle connection, and a busy one after its answer") {
  World w;
  SECTION("idle") {
    w.server.session->GoAway();
    w.loop.RunUntilIdle();
    CHECK(w.client->eof());
  }
  SECTION("busy") {
    w.Send(*w.client, "GET / HTTP/1.1\r\nHost: f\r\n\r\n");
    w.server.session->GoAway();
    w.loop.RunUntilIdle();
    CHECK_FALSE(w.client->eof());
    w.Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    CHECK(w.client->received().ends_with("\r\n\r\nx"));
    CHECK(w.client->eof());
  }
  SECTION("at once, with the connection") {
    w.Send(*w.client, "GET / HTTP/1.1\r\nHost: f\r\n\r\n");
    w.server.session->CutOff();
    w.loop.RunUntilIdle();
    CHECK(w.client->reset());
  }
}

TEST_CASE("a server that speaks HTTP/1.1 only is told apart") {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  auto [near, far] = loop.Pipe();
  TestPeer server(std::move(far));
  TestPeer client(NewClientStream(loop, std::move(near)));
  client.Send("GET / HTTP/1.1\r\nHost: f\r\n\r\n");
  loop.RunUntilIdle();
  CHECK(server.received().starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  server.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  loop.RunUntilIdle();
  loop.Advance(std::chrono::seconds(2));
  CHECK((client.reset() || client.eof()));
  CHECK(client.received().empty());
}

TEST_CASE("text that is no HTTP/1.1 ends what it was for") {
  World w;
  SECTION("a request") {
    w.Send(*w.client, "GET  / nonsense\r\n\r\n");
    CHECK(w.client->reset());
    CHECK(w.server.requests.empty());
  }
  SECTION("an answer") {
    w.Send(*w.client, "GET / HTTP/1.1\r\nHost: f\r\n\r\n");
    w.Send(w.request(0), "nonsense\r\n\r\n");
    CHECK(w.client->reset());
    CHECK(w.request(0).reset());
  }
}

}  // namespace
}  // namespace hearth::h2
