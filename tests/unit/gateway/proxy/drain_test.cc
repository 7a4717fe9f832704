// Leaving: nobody is cut off who could still be served.
#include <catch2/catch.hpp>

#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

TEST_CASE("draining ends what is idle and finishes what is not") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto idle = h.Client(), busy = h.Client();
  h.Send(*busy, Get());
  bool drained = false;
  h.path.Drain({.grace = seconds(30)}, [&drained] { drained = true; });
  h.Run();
  CHECK(idle->eof());
  CHECK_FALSE(busy->eof());
  CHECK_FALSE(drained);
  TestPeer late(h.loop, "127.0.0.1:80");
  h.Run();
  CHECK(late.refused());
  h.Send(replica.last(), Ok("bye"));
  const Message answer = ParseMessage(busy->received());
  CHECK(answer.body == "bye");
  CHECK(answer.Header("connection") == "close");
  CHECK(busy->eof());
  h.loop.Advance(seconds(3));  // for a request that was sent into the end
  CHECK(drained);
}

TEST_CASE("a request on its way when draining begins is answered") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.AnswerAll(replica);
  h.Install({h.Function({std::string(kReplica)})});
  auto used = h.Client(), unused = h.Client(), silent = h.Client();
  h.Send(*used, Get());
  CHECK(ParseMessage(used->TakeReceived()).Header("connection") != "close");
  bool drained = false;
  h.path.Drain({.grace = seconds(30), .idle = seconds(5)}, [&drained] { drained = true; });
  h.Run();
  h.loop.Advance(seconds(4));
  for (TestPeer* client : {used.get(), unused.get()}) {
    CHECK_FALSE(client->eof());
    h.Send(*client, "POST /function/f HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 200);
    CHECK(answer.Header("connection") == "close");
    CHECK(client->eof());
    client->Close();
  }
  CHECK_FALSE(drained);
  h.loop.Advance(seconds(2));
  CHECK(silent->eof());  // half-closed: what it sends now is read, not reset
  CHECK_FALSE(silent->reset());
  silent->Close();
  h.Run();
  CHECK(drained);
}

TEST_CASE("an answer under way that promised to keep the connection keeps it") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get());
  h.Send(replica.last(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  CHECK(ParseMessage(client->TakeReceived()).Header("connection") != "close");
  bool drained = false;
  h.path.Drain({.grace = seconds(30), .idle = seconds(5)}, [&drained] { drained = true; });
  h.Run();
  h.Send(replica.last(), "cd");
  CHECK(client->TakeReceived() == "cd");
  CHECK_FALSE(client->eof());
  h.Send(*client, Get());
  h.Send(replica.last(), Ok("last"));
  const Message answer = ParseMessage(client->received());
  CHECK(answer.body == "last");
  CHECK(answer.Header("connection") == "close");
  client->Close();
  h.Run();
  CHECK(drained);
}

TEST_CASE("draining again only shortens the time that is left") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto busy = h.Client();
  h.Send(*busy, Get());
  int drained = 0;
  h.path.Drain({.grace = seconds(50)}, [&drained] { ++drained; });
  h.Run();
  h.path.Drain({.grace = seconds(10)}, [&drained] { ++drained; });
  h.path.Drain({.grace = seconds(100)}, [&drained] { ++drained; });
  h.Run();
  h.loop.Advance(seconds(11));
  CHECK(busy->reset());
  CHECK(drained == 3);
}

TEST_CASE("draining waits no longer than its grace") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto busy = h.Client();
  h.Send(*busy, Get());
  bool drained = false;
  h.path.Drain({.grace = seconds(30)}, [&drained] { drained = true; });
  h.loop.Advance(seconds(29));
  CHECK_FALSE(drained);
  h.loop.Advance(seconds(2));
  CHECK(drained);
  CHECK(busy->reset());
  CHECK(h.edge.finished.at(0).reason == "shutdown");
}

TEST_CASE("a gateway without connections is drained at once") {
  Harness h;
  bool drained = false;
  h.path.Drain({.grace = seconds(30)}, [&drained] { drained = true; });
  h.Run();
  CHECK(drained);
}

TEST_CASE("too many connections wait in the backlog") {
  Options options;
  options.max_connections = 2;
  Harness h(options);
  auto a = h.Client(), b = h.Client();
  TestPeer c(h.loop, "127.0.0.1:80");
  c.Send(Get("/x"));
  h.Run();
  CHECK(h.path.connections() == 2);
  CHECK(c.received().empty());
  a->Close();
  h.Run();
  CHECK(ParseMessage(c.received()).status() == 200);
}

}  // namespace
}  // namespace hearth::proxy
