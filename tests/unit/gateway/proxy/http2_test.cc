// HTTP/2 from the client's first byte to the replica and back.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/fakes/h2/h2_client.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

using fakes::H2Client;

struct World {
  explicit World(uint32_t capacity = 100, uint32_t window = 65535)
      : client(h.loop, "127.0.0.1:80", window) {
    h.Install({h.Function({std::string(kReplica)}, capacity)});
    h.Run();
  }
  int32_t Begin(std::string_view method = "GET", H2Client::Fields more = {}, bool ended = true) {
    const int32_t id = client.Request(method, "/function/f", std::move(more), ended);
    h.Run();
    return id;
  }
  void Reply(size_t i, std::string_view bytes) { h.Send(replica.peer(i), bytes); }

  Harness h;
  TestServer replica{h.loop, kReplica};
  H2Client client;
};

TEST_CASE("an HTTP/2 client is served like any other") {
  World w;
  const int32_t id = w.Begin("GET", {{"x-mine", "1"}});
  REQUIRE(w.replica.size() == 1);
  const Message request = ParseMessage(w.replica.last().received());
  CHECK(request.start_line == "GET / HTTP/1.1");
  CHECK(request.Header("host") == "gateway.test");
  CHECK(request.Header("x-mine") == "1");
  w.Reply(0, Ok("hello", "X-Fun: yes\r\n"));
  const auto& answer = w.client.answer(id);
  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.Field("x-fun") == "yes");
  CHECK(answer.Field("connection").empty());
  CHECK(answer.closed);
  CHECK(answer.error == 0);
  REQUIRE(w.h.edge.finished.size() == 1);
  CHECK(w.h.edge.finished[0].status == 200);
}

TEST_CASE("requests of one connection do not wait for one another") {
  World w;
  const int32_t slow = w.Begin();
  const int32_t quick = w.Begin();
  REQUIRE(w.replica.size() == 2);
  w.Reply(1, Ok("quick"));
  CHECK(w.client.answer(quick).body == "quick");
  CHECK(w.client.answer(slow).status == 0);
  w.Reply(0, Ok("slow"));
  CHECK(w.client.answer(slow).body == "slow");
  CHECK(w.h.edge.connections == 1);
}

TEST_CASE("a preface that comes byte by byte") {
  Harness h;
  h.Install({h.Function({std::string(kReplica)})});
  TestServer replica{h.loop, kReplica};
  auto raw = h.Client();
  const std::string preface =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);
  for (const char c : preface) h.Send(*raw, {&c, 1});
  // Its SETTINGS frame, and the acknowledgement of ours.
  CHECK(raw->received().substr(3, 1) == "\x04");
  CHECK_FALSE(raw->eof());
  CHECK(h.edge.rejected.empty());
}

TEST_CASE("a preface after a request is no preface") {
  Harness h;
  TestServer replica{h.loop, kReplica};
  h.Install({h.Function({std::string(kReplica)})});
  Harness::AnswerAll(replica);
  auto raw = h.Client();
  h.Send(*raw, Get());
  raw->TakeReceived();
  h.Send(*raw, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(ParseMessage(raw->received()).status() == 505);
}

TEST_CASE("bodies and trailers pass both ways while both are under way") {
  World w;
  const int32_t id = w.Begin("POST", {{"te", "trailers"}}, false);
  w.client.Send(id, "one");
  w.h.Run();
  CHECK(w.replica.last().TakeReceived().ends_with("\r\n\r\n3\r\none\r\n"));
  w.Reply(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nuno\r\n");
  CHECK(w.client.answer(id).status == 200);
  CHECK(w.client.answer(id).body == "uno");
  w.client.Send(id, "two");
  w.h.Run();
  CHECK(w.replica.last().TakeReceived() == "3\r\ntwo\r\n");
  w.client.End(id, {{"x-sum", "2"}});
  w.h.Run();
  CHECK(w.replica.last().TakeReceived() == "0\r\nx-sum: 2\r\n\r\n");
  w.Reply(0, "0\r\nGrpc-Status: 0\r\n\r\n");
  const auto& answer = w.client.answer(id);
  CHECK(answer.body == "uno");
  CHECK(answer.Trailer("grpc-status") == "0");
  CHECK(answer.ended);
  CHECK(answer.error == 0);
}

TEST_CASE("an answer that is its head alone stays one") {
  World w;
  const int32_t id = w.Begin("POST", {}, false);
  w.client.Send(id, "x");
  w.h.Run();
  w.Reply(0, "HTTP/1.1 200 OK\r\nGrpc-Status: 5\r\nContent-Length: 0\r\n\r\n");
  const auto& answer = w.client.answer(id);
  CHECK(answer.Field("grpc-status") == "5");
  CHECK(answer.headers_only);
  CHECK(answer.trailer.empty());
  CHECK(answer.closed);
  CHECK(answer.error == 0);  // the rest of the request is not wanted, and that is no failure
}

TEST_CASE("interim answers, HEAD and errors of the platform") {
  World w;
  int32_t id = w.Begin();
  w.Reply(0, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
  CHECK(w.client.answer(id).interim == std::vector<int>{103});
  w.Reply(0, Ok("x"));
  CHECK(w.client.answer(id).status == 200);

  id = w.Begin("HEAD");
  w.Reply(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  CHECK(w.client.answer(id).Field("content-length") == "9");
  CHECK(w.client.answer(id).headers_only);

  id = w.client.Request("GET", "/function/none");
  w.h.Run();
  CHECK(w.client.answer(id).status == 404);
  CHECK(w.client.answer(id).Field("x-hearth-error") == "gateway;function_not_found");
  CHECK_FALSE(w.client.answer(id).body.empty());
}

TEST_CASE("a client that resets a stream frees the slot at once") {
  World w(1);
  const int32_t first = w.Begin();
  const int32_t second = w.Begin();
  CHECK(w.replica.size() == 1);
  w.client.Reset(first, 8);
  w.h.Run();
  CHECK(w.h.edge.finished.at(0).reason == "client_closed");
  REQUIRE(w.replica.size() == 2);
  w.Reply(1, Ok("mine"));
  CHECK(w.client.answer(second).body == "mine");
}

TEST_CASE("a client that goes away frees everything") {
  World w;
  for (int i = 0; i < 5; ++i) w.Begin();
  CHECK(w.h.path.exchanges() == 5);
  w.client.Close();
  w.h.Run();
  CHECK(w.h.path.exchanges() == 0);
  CHECK(w.h.path.connections() == 0);
  CHECK(w.h.edge.connections == 0);
}

TEST_CASE("a replica that breaks its answer off resets the stream") {
  World w;
  const int32_t id = w.Begin();
  w.Reply(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
  w.replica.last().Close();
  w.h.Run();
  CHECK(w.client.answer(id).closed);
  CHECK(w.client.answer(id).error == 2);
  const int32_t next = w.Begin();
  w.Reply(1, Ok("well"));
  CHECK(w.client.answer(next).body == "well");
}

TEST_CASE("a slow reader holds back the replica, and only for itself") {
  World w(100, 1000);
  w.client.HoldWindow();
  const int32_t slow = w.Begin();
  const std::string big(4 * 1024 * 1024, 'b');
  w.Reply(0, Ok(big));
  CHECK(w.client.answer(slow).body.size() == 1000);
  CHECK(w.replica.peer(0).unsent() > 3 * 1024 * 1024);
  const int32_t quick = w.Begin();
  w.Reply(1, Ok("quick"));
  CHECK(w.client.answer(quick).body == "quick");
  w.client.ReleaseWindow();
  w.h.Run();
  CHECK(w.client.answer(slow).body.size() == big.size());
  CHECK(w.client.answer(slow).body == big);
}

TEST_CASE("a slow replica holds back the client") {
  World w;
  w.h.loop.set_pipe_capacity(1000);
  const int32_t id = w.Begin("POST", {}, false);
  w.replica.last().Pause();
  const std::string big(4 * 1024 * 1024, 'u');
  w.client.Send(id, big);
  w.client.End(id);
  w.h.Run();
  w.replica.last().Resume();
  w.h.Run();
  const std::string& got = w.replica.last().received();
  CHECK(std::count(got.begin(), got.end(), 'u') >= static_cast<std::ptrdiff_t>(big.size()));
  w.Reply(0, Ok("thanks"));
  CHECK(w.client.answer(id).body == "thanks");
}

TEST_CASE("draining tells the client, and what is inside is answered") {
  World w;
  const int32_t id = w.Begin();
  bool drained = false;
  w.h.path.Drain({.grace = seconds(30)}, [&] { drained = true; });
  w.h.Run();
  CHECK(w.client.goaway());
  CHECK_FALSE(drained);
  w.h.loop.Advance(seconds(1));
  CHECK(w.client.goaway_last() == id);
  w.Reply(0, Ok("last"));
  w.h.loop.Advance(seconds(3));
  CHECK(w.client.answer(id).body == "last");
  CHECK(w.client.connection_over());
  CHECK(drained);
}

TEST_CASE("an idle connection is closed with GOAWAY") {
  World w;
  w.Begin();
  w.Reply(0, Ok("x"));
  w.h.loop.Advance(seconds(74));
  CHECK_FALSE(w.client.goaway());
  w.client.Ping();  // is no work
  w.h.loop.Advance(seconds(2));
  CHECK(w.client.goaway());
  w.h.loop.Advance(seconds(5));
  CHECK(w.client.connection_over());
  CHECK(w.h.path.connections() == 0);
}

TEST_CASE("malformed requests are refused alone") {
  World w;
  const int32_t bad = w.client.Request("GET", "/function/f", {{"host", "other"}});
  H2Client::Fields many;
  for (int i = 0; i < 1500; ++i) many.emplace_back(Cat("x-", i), "aaaaaaaa");
  const int32_t big = w.client.Request("GET", "/function/f", many);
  w.h.Run();
  CHECK(w.client.answer(bad).status == 400);
  CHECK(w.client.answer(bad).Field("x-hearth-error") == "gateway;host_mismatch");
  CHECK(w.client.answer(big).status == 431);
  CHECK(w.replica.size() == 0);
  CHECK(w.h.edge.rejected.size() == 2);
  const int32_t good = w.Begin();
  w.Reply(0, Ok("good"));
  CHECK(w.client.answer(good).body == "good");
}

TEST_CASE("more streams than allowed wait at the client") {
  World w(1000);
  std::vector<int32_t> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(w.client.Request("GET", "/function/f"));
  w.h.Run();
  CHECK(w.h.path.exchanges() == 128);
  const size_t first = w.replica.size();
  for (size_t i = 0; i < first; ++i) w.Reply(i, Ok("x"));
  CHECK(w.h.path.exchanges() == 200 - 128);
  for (size_t i = 0; i < w.replica.size(); ++i) {
    if (w.replica.peer(i).received().ends_with("\r\n\r\n")) w.Reply(i, Ok("x"));
  }
  for (const int32_t id : ids) CHECK(w.client.answer(id).status == 200);
}

// ---- Peers that make work ----

TEST_CASE("floods end the connection") {
  World w;
  SECTION("of pings") {
    for (int i = 0; i < 5000 && !w.client.connection_over(); ++i) {
      w.client.SendRaw(std::string("\0\0\x08\6\0\0\0\0\0pingping", 17));
      if (i % 100 == 0) w.h.Run();
    }
  }
  SECTION("of settings") {  // without the library, which would not take our acknowledgements
    auto raw = w.h.Client();
    w.h.Send(*raw, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (int i = 0; i < 5000 && !raw->eof(); ++i) {
      raw->Send(std::string("\0\0\0\4\0\0\0\0\0", 9));
      if (i % 100 == 0) w.h.Run();
    }
    CHECK(raw->eof());
    w.client.Close();
  }
  SECTION("of empty data") {
    const int32_t id = w.Begin("POST", {}, false);
    for (int i = 0; i < 5000 && !w.client.connection_over(); ++i) {
      w.client.SendRaw(std::string("\0\0\0\0\0\0\0\0", 8) + static_cast<char>(id));
      if (i % 100 == 0) w.h.Run();
    }
  }
  SECTION("of resets") {
    for (int i = 0; i < 5000 && !w.client.connection_over(); ++i) {
      const int32_t id = w.client.Request("GET", "/function/f");
      w.client.Reset(id, 8);
      if (i % 10 == 0) w.h.Run();
    }
  }
  w.h.Run();
  w.h.loop.Advance(seconds(5));
  CHECK(w.h.path.connections() == 0);
  CHECK(w.h.path.exchanges() == 0);
  REQUIRE_FALSE(w.h.edge.rejected.empty());
  CHECK(w.h.edge.rejected.back().second.starts_with("h2_"));
}

TEST_CASE("a header block that never ends is cut off") {
  World w;
  // HEADERS without END_HEADERS, and then nothing.
  w.client.SendRaw(std::string("\0\0\1\1\0\0\0\0\1\x82", 10));
  w.h.Run();
  w.h.loop.Advance(seconds(9));
  CHECK_FALSE(w.client.goaway());
  w.h.loop.Advance(seconds(2));
  CHECK(w.client.goaway());
  w.h.loop.Advance(seconds(5));
  CHECK(w.h.path.connections() == 0);
}

TEST_CASE("a connection that says nothing after the preface is cut off") {
  Harness h;
  auto raw = h.Client();
  h.Send(*raw, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  h.loop.Advance(seconds(15));
  CHECK(raw->eof());
  CHECK(h.path.connections() == 0);
}

TEST_CASE("an answer that nobody takes is given up") {
  World w(100, 0);
  const int32_t id = w.Begin();
  w.Reply(0, Ok("never read"));
  CHECK(w.client.answer(id).body.empty());
  CHECK(w.h.path.exchanges() == 0);
  w.h.loop.Advance(std::chrono::minutes(3));
  CHECK(w.client.answer(id).closed);
  CHECK(w.client.answer(id).error == 8);
}

}  // namespace
}  // namespace hearth::proxy
