#include "tests/fakes/tcp_gate.h"

#include <catch2/catch.hpp>

#include <string>

#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"

namespace hearth::fakes {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct World {
  FakeClock clock;
  MemoryLoop loop{clock};
  TestServer server{loop, "127.0.0.1:9000"};
  TcpGate gate{loop, "127.0.0.1:0", "127.0.0.1:9000"};
  std::unique_ptr<TestPeer> Client() {
    auto client = std::make_unique<TestPeer>(loop, gate.address().Text());
    loop.RunUntilIdle();
    return client;
  }
};

TEST_CASE("an open gate changes nothing") {
  World world;
  auto client = world.Client();
  const std::string much(1'000'000, 'x');
  client->Send(much);
  client->FinishSending();
  world.loop.RunUntilIdle();
  REQUIRE(world.server.size() == 1);
  CHECK((world.server.last().received() == much));
  CHECK(world.server.last().eof());
  world.server.last().Send(much);
  world.server.last().FinishSending();
  world.loop.RunUntilIdle();
  CHECK((client->received() == much));
  CHECK(client->eof());
  CHECK(world.gate.connections() == 0);
}

TEST_CASE("a gate delays and slices") {
  World world;
  world.gate.rules().delay = milliseconds(100);
  auto client = world.Client();
  client->Send("hello");
  world.loop.Advance(milliseconds(99));
  CHECK(world.server.last().received().empty());
  world.loop.Advance(milliseconds(1));
  CHECK(world.server.last().received() == "hello");

  world.gate.rules() = {.slice = 1};
  std::vector<size_t> sizes;
  world.server.last().on_change = [&](TestPeer& peer) { sizes.push_back(peer.received().size()); };
  client->Send("abc");
  world.loop.Advance(seconds(1));
  CHECK(sizes == std::vector<size_t>{6, 7, 8});
}

TEST_CASE("a gate resets, stalls and refuses") {
  World world;
  auto client = world.Client();
  SECTION("after so many bytes") {
    world.gate.rules().reset_after = 3;
    client->Send("hello");
    world.loop.Advance(seconds(1));
    CHECK(client->reset());
    CHECK(world.server.last().received() == "hel");
    CHECK(world.server.last().reset());
  }
  SECTION("at a word") {
    world.gate.ResetAll();
    world.loop.RunUntilIdle();
    CHECK(client->reset());
    CHECK(world.server.last().reset());
  }
  SECTION("stall") {
    world.gate.rules().stall_after = 3;
    client->Send("hello");
    world.loop.Advance(seconds(100));
    CHECK(world.server.last().received() == "hel");
    CHECK_FALSE(client->reset());
  }
  SECTION("refuse") {
    world.gate.rules().refuse = true;
    const auto other = world.Client();
    CHECK(other->reset());
    CHECK(world.gate.accepted() == 2);
  }
  SECTION("half-close") {
    world.gate.FinishTowardsServer();
    world.loop.RunUntilIdle();
    CHECK(world.server.last().eof());
    world.server.last().Send("still here");
    world.loop.RunUntilIdle();
    CHECK(client->received() == "still here");
  }
  SECTION("a server that is not there") {
    TcpGate nowhere(world.loop, "127.0.0.1:0", "127.0.0.1:9999");
    const TestPeer other(world.loop, nowhere.address().Text());
    world.loop.RunUntilIdle();
    CHECK(other.reset());
  }
}

}  // namespace
}  // namespace hearth::fakes
