// When a request goes to another replica, and when it must not.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nX-Hearth-Busy: not-started\r\nX-Hearth-Error: "
    "watchdog;busy\r\nContent-Length: 0\r\n\r\n";

std::string Post(std::string_view body) {
  return Cat("POST /function/f HTTP/1.1\r\nHost: gw\r\nContent-Length: ", body.size(), "\r\n\r\n",
             body);
}

TEST_CASE("a replica that refuses connections is set aside and another one serves") {
  Harness h;
  TestServer two(h.loop, kReplica2);
  h.AnswerAll(two);
  h.Install({h.Function({std::string(kReplica), std::string(kReplica2)}, 0)});
  for (int i = 0; i < 10; ++i) CHECK(h.Call(Post("x")).body == "ok");
  CHECK(h.loop.connects(kReplica) == 1);
  REQUIRE(h.edge.failures.size() == 1);
  CHECK(h.edge.failures[0] == "r-1-0:connect_refused");
}

TEST_CASE("where the only replica is gone requests wait for the next one") {
  Harness h;
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Post("x"));
  h.loop.Advance(milliseconds(100));
  CHECK(client->received().empty());
  TestServer two(h.loop, kReplica2);
  h.AnswerAll(two);
  SECTION("a new one") {
    auto spec = h.Function({std::string(kReplica2)});
    spec.revisions[0].replicas[0].id = "r-1-new";
    h.Install({spec});
  }
  SECTION("or the old one again, after a growing while") {
    TestServer one(h.loop, kReplica);
    h.AnswerAll(one);
    h.loop.Advance(milliseconds(300));
    CHECK(h.loop.connects(kReplica) == 2);
  }
  CHECK(ParseMessage(client->received()).body == "ok");
}

TEST_CASE("replicas that never answer a connect are set aside, but not all of them") {
  Harness h;
  h.loop.Blackhole(kReplica);
  h.loop.Blackhole(kReplica2);
  h.Install({h.Function({std::string(kReplica), std::string(kReplica2)}, 0)});
  auto client = h.Client();
  h.Send(*client, Get());
  h.loop.Advance(seconds(20));
  const Message answer = ParseMessage(client->received());
  CHECK(answer.status() == 502);
  CHECK(answer.Header("x-hearth-error") == "gateway;connect_timeout");
}

TEST_CASE("a request that was not started goes on at the head of the queue") {
  Harness h;
  TestServer one(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)}, 2)});
  auto a = h.Client(), b = h.Client(), c = h.Client();
  h.Send(*a, Post("aaa"));
  h.Send(*b, Get("/function/f/b"));
  h.Send(*c, Get("/function/f/c"));  // waits: both slots are taken
  REQUIRE(one.size() == 2);
  h.Send(one.peer(0), kBusy);
  CHECK(a->received().empty());
  h.loop.Advance(milliseconds(20));
  // `a` is sent again before `c` gets its turn, on a new connection because nobody read its body.
  REQUIRE(one.size() == 3);
  CHECK(ParseMessage(one.last().received()).body == "aaa");
  CHECK(h.edge.demanded->Sample(h.clock.Now()).queued == 1);
  h.Send(one.last(), Ok("done"));
  CHECK(ParseMessage(a->received()).body == "done");
  h.Run();
  CHECK(one.last().received().find("GET /c") != std::string::npos);
}

TEST_CASE("a busy answer to a request without a body keeps its connection") {
  Harness h;
  TestServer one(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get());
  for (int i = 0; i < 5; ++i) {
    one.last().TakeReceived();
    h.Send(one.last(), kBusy);
    h.loop.Advance(milliseconds(20));
    CHECK(ParseMessage(one.last().received()).start_line == "GET / HTTP/1.1");
  }
  CHECK(one.size() == 1);
  h.Send(one.last(), Ok("done"));
  CHECK(ParseMessage(client->received()).body == "done");
}

TEST_CASE("busy from a plain server is its answer") {
  Harness h;
  TestServer one(h.loop, kReplica);
  auto spec = h.Function({std::string(kReplica)});
  spec.policy.has_watchdog = false;
  h.Install({spec});
  auto client = h.Client();
  h.Send(*client, Get());
  CHECK_FALSE(ParseMessage(one.last().received()).Header("x-hearth-timeout-ms"));
  h.Send(one.last(), kBusy);
  const Message answer = ParseMessage(client->received());
  CHECK(answer.status() == 503);
  CHECK_FALSE(answer.Header("x-hearth-busy"));
}

TEST_CASE("not started, but the body is gone") {
  Harness h;
  TestServer one(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Post(std::string(100'000, 'x')));
  h.Send(one.last(), kBusy);
  const Message answer = ParseMessage(client->received());
  CHECK(answer.status() == 503);
  CHECK(answer.Header("x-hearth-error") == "gateway;busy");
  CHECK(answer.Header("retry-after"));
}

TEST_CASE("a connection that dies before its answer") {
  struct Case {
    std::string name, request;
    bool retried;
  };
  const Case cases[] = {
      {"get", Get(), true},
      {"put", "PUT /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", true},
      {"put, too large to keep",
       Cat("PUT /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n",
           std::string(70000, 'x')),
       false},
      {"post", Post("hi"), false},
  };
  for (const Case& c : cases) {
    for (const bool reset : {false, true}) {
      DYNAMIC_SECTION(c.name << (reset ? ", reset" : "")) {
        Harness h;
        TestServer one(h.loop, kReplica), two(h.loop, kReplica2);
        h.Install({h.Function({std::string(kReplica), std::string(kReplica2)})});
        auto client = h.Client();
        h.Send(*client, c.request);
        REQUIRE(one.size() + two.size() == 1);
        TestPeer& first = one.size() == 1 ? one.last() : two.last();
        reset ? first.Abort() : first.Close();
        h.Run();
        if (c.retried) {
          REQUIRE(one.size() + two.size() == 2);
          TestServer& other = &first == (one.size() == 1 ? &one.last() : nullptr) ? two : one;
          TestPeer& second = other.last();
          CHECK(ParseMessage(second.received()).start_line ==
                c.request.substr(0, 4) + "/ HTTP/1.1");
          h.Send(second, Ok("second"));
          CHECK(ParseMessage(client->received()).body == "second");
          CHECK(h.edge.finished.at(0).attempts == 2);
        } else {
          CHECK(one.size() + two.size() == 1);
          const Message answer = ParseMessage(client->received());
          CHECK(answer.status() == 502);
          CHECK(answer.Header("x-hearth-error") == "gateway;upstream_closed");
        }
      }
    }
  }
}

TEST_CASE("a kept connection that has died meanwhile costs nobody a request") {
  Harness h;
  TestServer one(h.loop, kReplica);
  h.AnswerAll(one);
  h.Install({h.Function({std::string(kReplica)})});
  CHECK(h.Call(Get()).body == "ok");
  auto client = h.Client();
  // Both happen in one turn: the connection closes as the request is on its way to it.
  client->Send(Post("hi"));
  one.last().Close();
  h.Run();
  CHECK(ParseMessage(client->received()).body == "ok");
  CHECK(one.size() == 2);
}

TEST_CASE("nothing is sent again once an answer has begun") {
  Harness h;
  TestServer one(h.loop, kReplica), two(h.loop, kReplica2);
  h.Install({h.Function({std::string(kReplica), std::string(kReplica2)})});
  auto client = h.Client();
  h.Send(*client, Get());
  TestPeer& peer = one.size() == 1 ? one.last() : two.last();
  SECTION("inside the head") {
    h.Send(peer, "HTTP/1.1 200 OK\r\nContent-");
    peer.Close();
    h.Run();
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 502);
    CHECK(answer.Header("x-hearth-error") == "gateway;bad_response");
  }
  SECTION("inside the body: the client must not take it for complete") {
    h.Send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    peer.Close();
    h.Run();
    CHECK(client->reset());
    CHECK(h.edge.finished.at(0).reason == "upstream_truncated");
  }
  SECTION("inside chunks") {
    h.Send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
    peer.Close();
    h.Run();
    CHECK(client->reset());
  }
  SECTION("not HTTP at all") {
    h.Send(peer, "hello?\r\n\r\n");
    CHECK(ParseMessage(client->received()).status() == 502);
  }
  CHECK(one.size() + two.size() == 1);
}

}  // namespace
}  // namespace hearth::proxy
