// Answers: streaming, backpressure, deadlines, and callers that leave.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

struct OneCall {
  explicit OneCall(uint32_t capacity = 1) { Install(capacity); }
  void Install(uint32_t capacity) {
    spec = h.Function({std::string(kReplica)}, capacity);
    h.Install({spec});
    client = h.Client();
  }
  void Begin(std::string_view request = {}) {
    h.Install({spec});
    h.Send(*client, request.empty() ? Get() : std::string(request));
    REQUIRE(replica.size() == 1);
  }
  Harness h;
  TestServer replica{h.loop, kReplica};
  route::FunctionSpec spec;
  std::unique_ptr<TestPeer> client;
};

TEST_CASE("events reach the client one by one as they come") {
  OneCall c;
  c.Begin();
  c.h.Send(c.replica.last(),
           "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
           "chunked\r\n\r\n");
  CHECK(ParseMessage(c.client->TakeReceived()).Header("transfer-encoding") == "chunked");
  for (int i = 0; i < 100; ++i) {
    c.h.loop.Advance(seconds(60));
    c.h.Send(c.replica.last(), "8\r\ndata: x\n\r\n");
    CHECK(c.client->TakeReceived() == "8\r\ndata: x\n\r\n");
  }
  c.h.Send(c.replica.last(), "0\r\nX-Last: 1\r\n\r\n");
  CHECK(c.client->TakeReceived() == "0\r\nX-Last: 1\r\n\r\n");
  CHECK(c.h.edge.finished.at(0).total == seconds(6000));
}

TEST_CASE("a long stream does not keep the routes of its beginning") {
  OneCall c;
  c.Begin();
  const std::weak_ptr<const route::Table> table = c.h.store.current();
  c.h.Send(c.replica.last(),
           "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
           "chunked\r\n\r\n");
  c.h.loop.Advance(seconds(1));
  const bool deleted = GENERATE(false, true);
  if (deleted) {
    c.h.Install({}, {FunctionKey{"default", "f"}});
  } else {
    c.h.Install({c.h.Function({std::string(kReplica2)})});
  }
  CHECK_FALSE(table.expired());
  c.h.loop.Advance(seconds(60));
  CHECK(table.expired());
  c.client->TakeReceived();
  c.h.Send(c.replica.last(), "8\r\ndata: x\n\r\n0\r\n\r\n");
  CHECK(c.client->TakeReceived() == "8\r\ndata: x\n\r\n0\r\n\r\n");
  CHECK(c.h.edge.finished.at(0).status == 200);
  CHECK(c.h.edge.finished.at(0).function == "f.default");
}

TEST_CASE("an answer that ends with its connection") {
  OneCall c;
  c.Begin();
  c.h.Send(c.replica.last(), "HTTP/1.0 200 OK\r\n\r\nhello");
  c.replica.last().FinishSending();
  c.h.Run();
  CHECK(ParseMessage(c.client->received()).body == "5\r\nhello\r\n0\r\n\r\n");
  CHECK_FALSE(c.client->eof());
}

TEST_CASE("interim answers pass, except those that are ours") {
  OneCall c;
  c.Begin();
  c.h.Send(c.replica.last(), "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(c.client->received().empty());
  c.h.Send(c.replica.last(), "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
  CHECK(c.client->TakeReceived() == "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
  c.h.Send(c.replica.last(), Ok("done"));
  CHECK(ParseMessage(c.client->received()).body == "done");
}

TEST_CASE("a slow client slows its function down, not the gateway's memory") {
  OneCall c;
  c.h.loop.set_pipe_capacity(16 * 1024);
  c.client = c.h.Client();
  c.client->Pause();
  c.Begin();
  std::string body;
  for (size_t i = 0; body.size() < 4'000'000; ++i) body += Cat(i, ",");
  c.h.Send(c.replica.last(), Ok(body));
  CHECK(body.size() - c.replica.last().unsent() < 2 * 256 * 1024 + 100'000);
  CHECK(c.replica.last().unsent() > 0);
  c.client->Resume();
  c.h.Run();
  CHECK(ParseMessage(c.client->received()).body == body);
}

TEST_CASE("bodies arrive as they were sent, however they are cut") {
  for (const size_t pipe : {7u, 100u, 4096u, 70'000u}) {
    DYNAMIC_SECTION("pipes of " << pipe) {
      Harness h;
      h.loop.set_pipe_capacity(pipe);
      TestServer replica(h.loop, kReplica);
      h.Install({h.Function({std::string(kReplica)})});
      auto client = h.Client();
      std::string chunks, whole;
      for (int i = 0; i < 300; ++i) {
        const std::string piece(static_cast<size_t>(1 + i * 7 % 97),
                                static_cast<char>('a' + i % 26));
        whole += piece;
        char size[8];
        std::snprintf(size, sizeof size, "%zx", piece.size());
        chunks += Cat(std::string(size), "\r\n", piece, "\r\n");
      }
      chunks += "0\r\n\r\n";
      h.Send(*client,
             Cat("POST /function/f HTTP/1.0\r\nContent-Length: ", whole.size(), "\r\n\r\n", whole));
      CHECK(ParseMessage(replica.last().received()).body == whole);
      h.Send(replica.last(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
      CHECK(ParseMessage(client->received()).body == whole);
      CHECK(h.edge.finished.at(0).bytes_out == whole.size());
    }
  }
}

TEST_CASE("the function's timeout runs to the head of its answer") {
  OneCall c;
  c.spec.policy.timeout = seconds(5);
  SECTION("a watchdog keeps it first") {
    c.Begin();
    CHECK(ParseMessage(c.replica.last().received()).Header("x-hearth-timeout-ms") == "5000");
    c.h.loop.Advance(milliseconds(5100));
    CHECK(c.client->received().empty());
    c.h.loop.Advance(milliseconds(200));
  }
  SECTION("a plain server has none") {
    c.spec.policy.has_watchdog = false;
    c.Begin();
    c.h.loop.Advance(milliseconds(4900));
    CHECK(c.client->received().empty());
    c.h.loop.Advance(milliseconds(200));
  }
  SECTION("the caller may ask for less") {
    c.Begin(Get("/function/f", "X-Hearth-Timeout-Ms: 1000\r\n"));
    CHECK(ParseMessage(c.replica.last().received()).Header("x-hearth-timeout-ms") == "1000");
    c.h.loop.Advance(milliseconds(1300));
  }
  const Message answer = ParseMessage(c.client->received());
  CHECK(answer.status() == 504);
  CHECK(answer.Header("x-hearth-error") == "gateway;timeout");
  CHECK(c.replica.last().eof());
  CHECK(c.h.edge.demanded->Sample(c.h.clock.Now()).in_flight == 0);
}

TEST_CASE("time in the queue does not count") {
  OneCall c;
  c.spec.policy.timeout = seconds(5);
  c.Begin();
  auto second = c.h.Client();
  c.h.Send(*second, Get());
  c.h.loop.Advance(seconds(4));
  c.h.Send(c.replica.last(), Ok("1"));
  c.h.loop.Advance(seconds(4));
  c.h.Send(c.replica.last(), Ok("2"));
  CHECK(ParseMessage(second->received()).body == "2");
}

TEST_CASE("silence inside an answer ends it with a reset") {
  OneCall c;
  c.spec.policy.stream_idle_timeout = seconds(30);
  c.Begin();
  c.h.Send(c.replica.last(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  c.h.loop.Advance(seconds(29));
  c.h.Send(c.replica.last(), "1\r\nb\r\n");
  c.h.loop.Advance(seconds(29));
  CHECK_FALSE(c.client->reset());
  c.h.loop.Advance(seconds(2));
  CHECK(c.client->reset());
  CHECK(c.h.edge.finished.at(0).reason == "stream_idle");
}

TEST_CASE("maxDuration ends even a lively answer") {
  OneCall c;
  c.spec.policy.max_duration = seconds(10);
  c.Begin();
  c.h.Send(c.replica.last(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 12; ++i) {
    c.h.loop.Advance(seconds(1));
    c.h.Send(c.replica.last(), "1\r\na\r\n");
  }
  CHECK(c.client->reset());
  CHECK(c.h.edge.finished.at(0).reason == "max_duration");
}

TEST_CASE("a caller that leaves frees its slot") {
  OneCall c;
  c.Begin();
  SECTION("before the answer, by a reset") {
    c.client->Abort();
    c.h.Run();
  }
  SECTION("before the answer, orderly") {
    c.client->Close();
    c.h.loop.Advance(seconds(1));
  }
  SECTION("inside the answer") {
    c.h.Send(c.replica.last(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    c.client->Close();
    c.h.Send(c.replica.last(), "1\r\nb\r\n");
  }
  CHECK(c.replica.last().reset());
  CHECK(c.h.edge.demanded->Sample(c.h.clock.Now()).in_flight == 0);
  CHECK(c.h.path.connections() == 0);
  CHECK(c.h.path.exchanges() == 0);
  CHECK(c.h.edge.finished.at(0).reason == "client_closed");
}

TEST_CASE("bytes after an answer cost the connection, not the next answer") {
  OneCall c;
  c.Begin();
  c.h.Send(c.replica.last(), Ok("one") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  CHECK(ParseMessage(c.client->TakeReceived()).body == "one");
  c.h.Send(*c.client, Get());
  REQUIRE(c.replica.size() == 2);
  c.h.Send(c.replica.last(), Ok("two"));
  CHECK(ParseMessage(c.client->received()).body == "two");
}

}  // namespace
}  // namespace hearth::proxy
