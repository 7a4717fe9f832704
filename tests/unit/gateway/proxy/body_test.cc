// Request bodies: framing, limits, backpressure, and what happens when they stop.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

std::string Post(std::string_view body, std::string_view more = "") {
  return Cat("POST /function/f HTTP/1.1\r\nHost: gw\r\nContent-Length: ", body.size(), "\r\n", more,
             "\r\n", body);
}

std::string PostChunked(std::string_view chunks, std::string_view more = "") {
  return Cat("POST /function/f HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n", more,
             "\r\n", chunks);
}

TEST_CASE("a head in pieces, then a body in pieces, over a connection that stands ready") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get());
  h.Send(replica.last(), Ok("first"));
  replica.last().TakeReceived();
  const size_t cut = GENERATE(1u, 10u, 40u, 60u);
  const std::string head =
      "POST /function/f HTTP/1.1\r\nHost: x\r\nX-Some: more\r\nContent-Length: 10\r\n\r\n";
  REQUIRE(cut < head.size());
  h.Send(*client, head.substr(0, cut));
  h.Send(*client, head.substr(cut) + "hello");
  CHECK(ParseMessage(replica.last().received()).body == "hello");
  h.Send(*client, "world");
  CHECK(replica.size() == 1);
  CHECK(ParseMessage(replica.last().received()).body == "helloworld");
}

TEST_CASE("a body with its length arrives whole and in one write with the head") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Post("hello world"));
  const Message seen = ParseMessage(replica.last().received());
  CHECK(seen.Header("content-length") == "11");
  CHECK(seen.Count("content-length") == 1);
  CHECK(seen.body == "hello world");
  h.Send(replica.last(), Ok("ok"));
  CHECK(ParseMessage(client->TakeReceived()).body == "ok");
  CHECK(h.edge.finished.at(0).bytes_in == 11);
  h.Send(*client, Post("again"));
  CHECK(replica.size() == 1);
}

TEST_CASE("a chunked body is chunked anew, trailers included") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, PostChunked("3;ext=1\r\nabc\r\n2\r\nde\r\n"));
  h.Send(*client, "1\r\nf\r\n0\r\nX-Sum: 7\r\n\r\n");
  const Message seen = ParseMessage(replica.last().received());
  CHECK(seen.Header("transfer-encoding") == "chunked");
  CHECK(seen.body == "5\r\nabcde\r\n1\r\nf\r\n0\r\nX-Sum: 7\r\n\r\n");
  h.Send(replica.last(), Ok("ok"));
  CHECK(ParseMessage(client->received()).body == "ok");
  CHECK(h.edge.finished.at(0).bytes_in == 6);
}

TEST_CASE("a body larger than allowed is refused") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  auto spec = h.Function({std::string(kReplica)});
  spec.policy.max_body_bytes = 10;
  h.Install({spec});
  auto client = h.Client();
  SECTION("by its length, and a small rest does not cost the connection") {
    h.Send(*client, Post("12345678901"));
    CHECK(ParseMessage(client->TakeReceived()).status() == 413);
    CHECK(replica.size() == 0);
    h.Send(*client, Post("1234567890"));
    REQUIRE(replica.size() == 1);
    h.Send(replica.last(), Ok("fits"));
    CHECK(ParseMessage(client->received()).body == "fits");
  }
  SECTION("by its length, large") {
    h.Send(*client, Post(std::string(100'000, 'x')));
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 413);
    CHECK(answer.Header("x-hearth-error") == "gateway;body_too_large");
    CHECK(answer.Header("connection") == "close");
  }
  SECTION("as it comes in chunks") {
    h.Send(*client, PostChunked("5\r\nabcde\r\n"));
    REQUIRE(replica.size() == 1);
    h.Send(*client, "6\r\nfghijk\r\n");
    CHECK(ParseMessage(client->received()).status() == 413);
    CHECK((replica.last().eof() || replica.last().reset()));
  }
  CHECK(h.edge.finished.at(0).status == 413);
  CHECK(h.edge.finished.at(0).reason == "body_too_large");
}

TEST_CASE("malformed chunks are the client's fault") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, PostChunked("5\r\nabcde\r\n"));
  REQUIRE(replica.size() == 1);
  h.Send(*client, "zz\r\n");
  const Message answer = ParseMessage(client->received());
  CHECK(answer.status() == 400);
  CHECK(answer.Header("connection") == "close");
  CHECK((replica.last().eof() || replica.last().reset()));
  CHECK(replica.last().received().find("\r\n0\r\n") == std::string::npos);
}

TEST_CASE("100-continue is answered when there is a replica to read the body") {
  Harness h;
  h.Install({h.Function({})});
  auto client = h.Client();
  h.Send(
      *client,
      "POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client->received().empty());
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  CHECK(client->TakeReceived() == "HTTP/1.1 100 Continue\r\n\r\n");
  h.Send(*client, "abc");
  const Message seen = ParseMessage(replica.last().received());
  CHECK_FALSE(seen.Header("expect"));
  CHECK(seen.body == "abc");
  h.Send(replica.last(), Ok("ok"));
  CHECK(ParseMessage(client->received()).status() == 200);
}

TEST_CASE("a refusal comes instead of 100-continue") {
  Harness h;
  const Message answer = h.Call(
      "POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(answer.status() == 404);
  CHECK(answer.Header("connection") == "close");
}

TEST_CASE("a slow replica slows its client down, not the gateway's memory") {
  Harness h;
  h.loop.set_pipe_capacity(16 * 1024);
  TestServer replica(h.loop, kReplica);
  replica.on_change = {};
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  const size_t size = 4'000'000;
  std::string body;
  for (size_t i = 0; body.size() < size; ++i) body += Cat(i, ",");
  h.Send(*client,
         Cat("POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(), "\r\n\r\n"));
  REQUIRE(replica.size() == 1);
  replica.last().Pause();
  h.Send(*client, body);
  // What the client could get rid of: the two pipes and what the gateway keeps.
  CHECK(body.size() - client->unsent() < 2 * 256 * 1024 + 100'000);
  CHECK(client->unsent() > 0);
  replica.last().Resume();
  h.Run();
  CHECK(client->unsent() == 0);
  CHECK(ParseMessage(replica.last().received()).body == body);
  h.Send(replica.last(), Ok("ok"));
  CHECK(ParseMessage(client->received()).body == "ok");
}

TEST_CASE("a body that stops coming ends in 408 and frees the slot") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, "POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  h.loop.Advance(seconds(29));
  CHECK(client->received().empty());
  h.Send(*client, "d");
  h.loop.Advance(seconds(29));
  CHECK(client->received().empty());
  h.loop.Advance(seconds(2));
  const Message answer = ParseMessage(client->received());
  CHECK(answer.status() == 408);
  CHECK(answer.Header("x-hearth-error") == "gateway;slow_request");
  CHECK((replica.last().eof() || replica.last().reset()));
  CHECK(h.edge.demanded->Sample(h.clock.Now()).in_flight == 0);
}

TEST_CASE("an answer before the whole body was read") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, "POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
  SECTION("a refusal closes the connection after the client got it") {
    h.Send(replica.last(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 403);
    CHECK(answer.Header("connection") == "close");
    CHECK(client->eof());
    h.Send(*client, std::string(10000, 'x'));  // still read, and thrown away
    CHECK_FALSE(client->reset());
    h.loop.Advance(seconds(3));
    CHECK(h.path.connections() == 0);
  }
  SECTION("both directions stream at once") {
    h.Send(replica.last(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    CHECK(ParseMessage(client->received()).body == "3\r\nabc\r\n");
    h.Send(*client, std::string(999'997, 'y'));
    CHECK(ParseMessage(replica.last().received()).body.size() == 1'000'000);
    h.Send(replica.last(), "0\r\n\r\n");
    CHECK(ParseMessage(client->received()).body == "3\r\nabc\r\n0\r\n\r\n");
    CHECK_FALSE(client->eof());
  }
}

TEST_CASE("a client that leaves inside its body frees everything") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, "POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  client->Close();
  h.Run();
  CHECK(replica.last().reset());
  CHECK(h.path.connections() == 0);
  CHECK(h.edge.finished.at(0).reason == "client_closed");
  CHECK(h.edge.finished.at(0).status == 0);
  CHECK(h.edge.demanded->Sample(h.clock.Now()).in_flight == 0);
}

}  // namespace
}  // namespace hearth::proxy
