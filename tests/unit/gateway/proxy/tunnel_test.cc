// Upgrade: WebSocket and anything else.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

using namespace std::string_literals;

constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: abc\r\n\r\n";
const std::string kGoingAwayFrame = "\x88\x02\x03\xe9"s;

struct Tunnel {
  explicit Tunnel(std::string protocol = "websocket") {
    spec = h.Function({std::string(kReplica)});
    h.Install({spec});
    client = h.Client();
    h.Send(*client, Get("/function/f/chat", Cat("Connection: keep-alive, Upgrade\r\nUpgrade: ",
                                                protocol, "\r\nSec-WebSocket-Key: k\r\n")));
    REQUIRE(replica.size() == 1);
    seen = ParseMessage(replica.last().TakeReceived());
  }
  void Open() {
    h.Send(replica.last(), kSwitching);
    answer = ParseMessage(client->TakeReceived());
    REQUIRE(answer.status() == 101);
  }
  Harness h;
  TestServer replica{h.loop, kReplica};
  route::FunctionSpec spec;
  std::unique_ptr<TestPeer> client;
  Message seen, answer;
};

TEST_CASE("an upgrade becomes a tunnel") {
  Tunnel t;
  CHECK(t.seen.Header("connection") == "Upgrade");
  CHECK(t.seen.Header("upgrade") == "websocket");
  CHECK(t.seen.Header("sec-websocket-key") == "k");
  t.Open();
  CHECK(t.answer.Header("upgrade") == "websocket");
  CHECK(t.answer.Header("connection") == "Upgrade");
  CHECK(t.answer.Header("sec-websocket-accept") == "abc");
  t.h.Send(*t.client, "\x81\x85mask12345");
  CHECK(t.replica.last().TakeReceived() == "\x81\x85mask12345");
  t.h.Send(t.replica.last(), "\x81\x05hello");
  CHECK(t.client->TakeReceived() == "\x81\x05hello");
  CHECK(t.h.edge.demanded->Sample(t.h.clock.Now()).in_flight == 1);

  // Each direction ends by itself.
  t.client->FinishSending();
  t.h.Run();
  CHECK(t.replica.last().eof());
  t.h.Send(t.replica.last(), "\x88\x02\x03\xe8");
  CHECK(t.client->TakeReceived() == "\x88\x02\x03\xe8");
  t.replica.last().Close();
  t.h.Run();
  CHECK(t.client->eof());
  CHECK(t.client->received().empty());  // the function had closed by itself
  CHECK(t.h.edge.finished.at(0).tunnel);
  CHECK(t.h.edge.finished.at(0).status == 101);
  CHECK(t.h.edge.demanded->Sample(t.h.clock.Now()).in_flight == 0);
}

TEST_CASE("early bytes of both sides are not lost") {
  Tunnel t;
  t.h.Send(*t.client, "early");
  t.h.Send(t.replica.last(), Cat(kSwitching, "\x81\x02hi"));
  CHECK(t.client->received().ends_with("\x81\x02hi"));
  CHECK(t.replica.last().received() == "early");
}

TEST_CASE("any protocol but HTTP/2") {
  {
    Tunnel t("my-protocol/1");
    CHECK(t.seen.Header("upgrade") == "my-protocol/1");
    t.h.Send(t.replica.last(),
             "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: my-protocol/1\r\n\r\n");
    t.client->TakeReceived();
    t.h.Send(*t.client, std::string(100'000, 'x'));
    CHECK(t.replica.last().received().size() == 100'000);
  }
  Tunnel h2("h2c");
  CHECK_FALSE(h2.seen.Header("upgrade"));
  CHECK_FALSE(h2.seen.Header("connection"));
}

TEST_CASE("a refused upgrade is an ordinary answer") {
  Tunnel t;
  t.h.Send(t.replica.last(), Ok("no sockets here"));
  CHECK(ParseMessage(t.client->TakeReceived()).body == "no sockets here");
  t.h.Send(*t.client, Get());
  CHECK(t.replica.size() == 1);
}

TEST_CASE("a switch that nobody asked for is no answer") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get());
  h.Send(replica.last(), kSwitching);
  CHECK(ParseMessage(client->received()).status() == 502);
}

TEST_CASE("a replica that is taken out of the routes says goodbye between two frames") {
  Tunnel t;
  t.Open();
  auto other = t.spec;
  other.revisions[0].replicas[0].id = "r-2-0";
  SECTION("at once, where one is just complete") {
    t.h.Send(t.replica.last(), "\x81\x03one");
    t.h.Install({other});
    CHECK(t.client->TakeReceived() == "\x81\x03one" + kGoingAwayFrame);
  }
  SECTION("after the frame that is under way") {
    t.h.Send(t.replica.last(), "\x81\x03on");
    t.h.Install({other});
    CHECK(t.client->TakeReceived() == "\x81\x03on");
    t.h.Send(t.replica.last(), "e\x81\x03two");
    CHECK(t.client->TakeReceived() == "e" + kGoingAwayFrame);
  }
  t.h.Send(*t.client, "\x88\x82mask..");  // the client's own close reaches the function
  CHECK(t.replica.last().received() == "\x88\x82mask..");
  t.h.loop.Advance(seconds(59));  // the function's timeout is what it has to end
  CHECK_FALSE((t.client->reset() || t.client->eof()));
  t.h.loop.Advance(seconds(2));
  CHECK((t.client->reset() || t.client->eof()));
  CHECK(t.h.edge.demanded->Sample(t.h.clock.Now()).in_flight == 0);
}

TEST_CASE("a function that goes without a close frame gets one put in") {
  Tunnel t;
  t.Open();
  t.h.Send(t.replica.last(), "\x81\x03one");
  t.replica.last().Close();
  t.h.Run();
  CHECK(t.client->TakeReceived() == "\x81\x03one" + kGoingAwayFrame);
  CHECK(t.client->eof());
}

TEST_CASE("a silent tunnel is closed") {
  Tunnel t;
  t.Open();
  t.h.loop.Advance(seconds(299));
  CHECK_FALSE(t.client->reset());
  t.h.Send(*t.client, "x");
  t.h.loop.Advance(seconds(299));
  CHECK_FALSE(t.client->reset());
  t.h.loop.Advance(seconds(2));
  CHECK(t.client->reset());
  CHECK(t.h.edge.finished.at(0).reason == "tunnel_idle");
}

TEST_CASE("a tunnel has backpressure both ways") {
  Tunnel t;
  t.Open();
  const std::string much(2'000'000, 'z');
  t.replica.last().Pause();
  t.h.Send(*t.client, much);
  CHECK(t.client->unsent() > 1'000'000);
  t.client->Pause();
  t.h.Send(t.replica.last(), much);
  CHECK(t.replica.last().unsent() > 1'000'000);
  t.replica.last().Resume();
  t.client->Resume();
  t.h.Run();
  CHECK(t.client->received().size() == much.size());
  CHECK(t.replica.last().received().size() == much.size());
}

}  // namespace
}  // namespace hearth::proxy
