// A TLS stream behaves as net::StreamHandler promises, whatever the network below does.
#include "core/tls/server_stream.h"

#include <catch2/catch.hpp>
#include <openssl/ssl.h>
#include <rapidcheck.h>
#include <rapidcheck/catch.h>

#include <functional>

#include "tests/fakes/tcp_gate.h"
#include "tests/unit/core/tls/tls_world.h"

namespace hearth::tls {
namespace {

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26 + i / 4096 % 3);
  return bytes;
}

TEST_CASE("bytes go both ways and the ends are seen") {
  const bool old = GENERATE(false, true);
  World w;
  auto client = w.Client({.only_tls12 = old});
  client->Send("hello");
  w.Run();
  REQUIRE(client->done());
  CHECK(client->version() == (old ? "TLSv1.2" : "TLSv1.3"));
  REQUIRE(w.peers.size() == 1);
  CHECK(w.peer().received() == "hello");
  CHECK(w.streams[0]->encrypted());
  CHECK(w.streams[0]->fd() == -1);
  CHECK(w.streams[0]->peer_ip() == "127.0.0.1");
  w.peer().Send("world");
  w.Run();
  CHECK(client->received() == "world");

  client->Finish();
  w.Run();
  CHECK(w.peer().eof());
  CHECK_FALSE(w.peer().reset());
  w.peer().Send("!");  // the other direction stays open
  w.Run();
  CHECK(client->received() == "world!");
  CHECK_FALSE(client->finished());
  w.peer().FinishSending();
  w.Run();
  CHECK(client->finished());
  CHECK(client->eof());
  CHECK_FALSE(client->failed());
}

TEST_CASE("a connection that is cut without close_notify is a reset, never an end") {
  World w;
  auto client = w.Client();
  client->Send("half of it");
  w.Run();
  REQUIRE(w.peers.size() == 1);
  SECTION("by a half-close") { client->Cut(); }
  SECTION("by a reset") { client->Abort(); }
  w.Run();
  CHECK(w.peer().received() == "half of it");
  CHECK(w.peer().reset());
  CHECK_FALSE(w.peer().eof());
}

TEST_CASE("data and end in one piece are both seen, data first") {
  World w;
  auto client = w.Client();
  w.Run();
  REQUIRE(client->done());
  client->Send("last words");
  client->Finish();
  w.Run();
  CHECK(w.peer().received() == "last words");
  CHECK(w.peer().eof());
}

TEST_CASE("a stream that is destroyed says close_notify, one that is aborted does not") {
  World w;
  auto client = w.Client();
  w.Run();
  REQUIRE(client->done());
  SECTION("destroyed") {
    w.peers.clear();
    w.Run();
    CHECK(client->finished());
  }
  SECTION("aborted") {
    w.peer().Abort();
    w.Run();
    CHECK_FALSE(client->finished());
    CHECK(client->reset());
  }
}

TEST_CASE("what came with the handshake's last bytes is not forgotten") {
  World w;
  auto client = w.Client();
  // Before it has connected: the request leaves with the client's Finished.
  client->Send("GET / HTTP/1.1\r\n");
  w.Run();
  REQUIRE(w.peers.size() == 1);
  CHECK(w.peer().received() == "GET / HTTP/1.1\r\n");
}

TEST_CASE("more than the network holds waits and arrives whole, both ways at once") {
  const size_t pipe = GENERATE(1, 100, 4096, 20'000);
  World w({}, pipe);
  auto client = w.Client();
  w.Run();
  REQUIRE(client->done());
  const std::string up = Pattern(pipe == 1 ? 20'000 : 300'000);
  const std::string down = Pattern(up.size() + 4321);
  client->Pause();
  w.peer().Pause();
  w.peer().Send(down);
  client->Send(up);
  w.Run();
  CHECK(w.peer().unsent() > 0);
  client->Resume();
  w.peer().Resume();
  w.Run();
  CHECK(w.peer().received() == up);
  CHECK(client->received() == down);
  CHECK(w.peer().unsent() == 0);
}

TEST_CASE("writes of many pieces become few records and arrive in order") {
  World w({}, 1 << 20);
  auto client = w.Client();
  w.Run();
  std::string all;
  std::vector<std::string> parts;
  std::vector<iovec> pieces;
  for (size_t i = 0; i < 300; ++i) parts.push_back(Pattern(i * i % 997));
  for (std::string& part : parts) {
    all += part;
    pieces.push_back({part.data(), part.size()});
  }
  const net::IoResult result = w.streams[0]->Write(pieces);
  CHECK(result.status == net::IoStatus::kOk);
  CHECK(result.bytes == all.size());
  w.Run();
  CHECK(client->received() == all);
}

TEST_CASE("a full read means there may be more, a short one that the next edge comes") {
  World w({}, 1 << 20);
  auto client = w.Client();
  w.Run();
  struct Chunked : net::StreamHandler {
    net::Stream* stream = nullptr;
    size_t chunk = 0;
    std::string got;
    bool eof = false;
    void OnReadable() override {
      std::string room(chunk, '\0');
      for (;;) {
        const net::IoResult result = stream->Read(room);
        got.append(room, 0, result.bytes);
        eof |= result.status == net::IoStatus::kEof;
        if (result.status != net::IoStatus::kOk || result.bytes < chunk) return;
      }
    }
    void OnWritable() override {}
  } handler;
  handler.chunk = GENERATE(1, 10, 5000, 16384, 100'000);
  handler.stream = w.streams[0];
  w.streams[0]->SetHandler(&handler);
  const std::string bytes = Pattern(70'000);
  client->Send(bytes);
  w.Run();
  CHECK(handler.got == bytes);
  client->Send("more");
  client->Finish();
  w.Run();
  CHECK(handler.got == bytes + "more");
  CHECK(handler.eof);
  w.streams[0]->SetHandler(nullptr);
}

TEST_CASE("a key update in the middle disturbs nothing, even where its answer cannot be sent") {
  World w({}, 4096);
  auto client = w.Client();
  w.Run();
  const std::string down = Pattern(100'000);
  client->Pause();
  w.peer().Send(down);  // fills the way to the client
  w.Run();
  client->RequestKeyUpdate();
  client->Send("after the update");
  w.Run();
  client->Resume();
  w.Run();
  CHECK(w.peer().received() == "after the update");
  CHECK(client->received() == down);
  w.peer().Send("still here");
  w.Run();
  CHECK(client->received() == down + "still here");
}

TEST_CASE("renegotiation is refused and the connection stays") {
  World w;
  auto client = w.Client({.only_tls12 = true});
  client->Send("one");
  w.Run();
  REQUIRE(client->done());
  const std::string before = client->cipher();
  client->Renegotiate();
  w.Run();
  CHECK(client->cipher() == before);
  // OpenSSL's client takes the refusal as fatal or goes on; no new handshake happens either way.
  CHECK(w.full == 1);
}

TEST_CASE("garbage in the middle of a connection is a reset") {
  World w;
  auto client = w.Client();
  client->Send("fine");
  w.Run();
  client->SendRaw(std::string(64, '\x17'));
  w.Run();
  CHECK(w.peer().received() == "fine");
  CHECK(w.peer().reset());
}

TEST_CASE("the owner may destroy the stream inside its callback") {
  World w;
  auto client = w.Client();
  w.Run();
  struct Suicidal : net::StreamHandler {
    World* world = nullptr;
    void OnReadable() override { world->peers.clear(); }
    void OnWritable() override {}
  } handler;
  handler.world = &w;
  w.streams[0]->SetHandler(&handler);
  client->Send("die");
  w.Run();
  CHECK(client->finished());
}

TEST_CASE("any slicing of both directions gives the same bytes") {
  rc::prop("slicing", [] {
    const auto pipe = *rc::gen::inRange<size_t>(1, 9000);
    const auto slice = *rc::gen::inRange<size_t>(1, 3000);
    // A slice takes a millisecond: no more of them than a test has patience for.
    const auto sizes = rc::gen::inRange<size_t>(0, std::min<size_t>(slice * 50, 40'000));
    const auto ups = *rc::gen::container<std::vector<size_t>>(sizes);
    const auto downs = *rc::gen::container<std::vector<size_t>>(sizes);
    const bool old = *rc::gen::arbitrary<bool>();
    World w({}, pipe);
    fakes::TcpGate gate(w.loop, "127.0.0.1:444", "127.0.0.1:443");
    gate.rules().slice = slice;
    TlsClient client(w.loop, "127.0.0.1:444", {.only_tls12 = old});
    const auto until = [&w](const std::function<bool()>& condition) {
      for (int i = 0; i < 100'000 && !condition(); ++i) w.loop.Advance(milliseconds(1));
    };
    until([&] { return client.done() && !w.peers.empty(); });
    RC_ASSERT(client.done());
    std::string up;
    std::string down;
    for (size_t i = 0; i < std::max(ups.size(), downs.size()); ++i) {
      if (i < ups.size()) {
        client.Send(Pattern(ups[i]));
        up += Pattern(ups[i]);
      }
      if (i < downs.size()) {
        w.peer().Send(Pattern(downs[i]));
        down += Pattern(downs[i]);
      }
    }
    client.Finish();
    until([&] { return w.peer().eof() && client.received().size() >= down.size(); });
    RC_ASSERT(w.peer().received() == up);
    RC_ASSERT(client.received() == down);
    RC_ASSERT(w.peer().eof());
    RC_ASSERT(!w.peer().reset());
  });
}

}  // namespace
}  // namespace hearth::tls
