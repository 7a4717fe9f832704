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
  h.path.Drain(seconds(30), [&drained] { drained = true; });
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
  CHECK(drained);
}

TEST_CASE("draining waits no longer than its grace") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto busy = h.Client();
  h.Send(*busy, Get());
  bool drained = false;
  h.path.Drain(seconds(30), [&drained] { drained = true; });
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
  h.path.Drain(seconds(30), [&drained] { drained = true; });
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
