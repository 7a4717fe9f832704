#include "controller/rpc/route_hub.h"

#include <catch2/catch.hpp>

#include <string>
#include <thread>

using namespace hearth;
using namespace hearth::controller;

namespace {

FunctionRoutes Routes(std::string name, std::vector<std::string> replicas = {}) {
  FunctionRoutes r;
  r.function = {"default", std::move(name)};
  RevisionTargets targets{RevisionId("r-1"), 10'000, {}};
  for (auto& id : replicas) targets.replicas.push_back({ReplicaId(id), "unix:/" + id, "", 1});
  r.revisions.push_back(std::move(targets));
  return r;
}

}  // namespace

TEST_CASE("A gateway gets a snapshot, then deltas that count up by one") {
  RouteHub hub;
  hub.Publish(Routes("a"));
  const auto s = hub.Subscribe();
  hub.Publish(Routes("b"));
  auto update = s->Poll();
  REQUIRE(update);
  CHECK(update->snapshot);
  CHECK(update->sequence == 1);
  CHECK(update->upserts.size() == 2);
  CHECK_FALSE(s->Poll());

  hub.Publish(Routes("a", {"x"}));
  hub.Publish(Routes("a", {"x", "y"}));
  hub.Withdraw({"default", "b"});
  update = s->Poll();
  REQUIRE(update);
  CHECK_FALSE(update->snapshot);
  CHECK(update->sequence == 2);
  REQUIRE(update->upserts.size() == 1);
  CHECK(update->upserts[0]->revisions[0].replicas.size() == 2);
  CHECK(update->deletes == std::vector<FunctionKey>{{"default", "b"}});
  CHECK_FALSE(s->Poll());
}

TEST_CASE("Publishing what is there already tells nobody") {
  RouteHub hub;
  const uint64_t version = hub.Publish(Routes("a", {"x"}));
  const auto s = hub.Subscribe();
  s->Poll();
  CHECK(hub.Publish(Routes("a", {"x"})) == version);
  CHECK(hub.Withdraw({"default", "none"}) == version);
  CHECK_FALSE(s->Poll());
}

TEST_CASE("A version is acknowledged once every live gateway routes by it") {
  RouteHub hub;
  const auto one = hub.Subscribe();
  auto two = hub.Subscribe();
  CHECK(hub.acknowledged().gateways == 2);
  CHECK(hub.acknowledged().version == 0);
  const uint64_t added = hub.Publish(Routes("a", {"x"}));
  one->Ack(one->Poll()->sequence);
  CHECK(hub.acknowledged().version < added);
  two->Ack(two->Poll()->sequence);
  CHECK(hub.acknowledged().version >= added);

  const uint64_t removed = hub.Publish(Routes("a"));
  const auto update = one->Poll();
  CHECK(hub.acknowledged().version < removed);
  one->Ack(update->sequence + 5);  // never sent
  CHECK(hub.acknowledged().version < removed);
  one->Ack(update->sequence);
  CHECK(hub.acknowledged().version < removed);

  SECTION("the slow one acknowledges") {
    two->Ack(two->Poll()->sequence);
    CHECK(hub.acknowledged().version >= removed);
  }
  SECTION("the slow one goes away") {
    two->Close();
    CHECK(hub.acknowledged().gateways == 1);
    CHECK(hub.acknowledged().version >= removed);
  }
  SECTION("the slow one is destroyed") {
    two.reset();
    CHECK(hub.acknowledged().version >= removed);
  }
  SECTION("a change that melted into another is acknowledged with it") {
    const uint64_t again = hub.Publish(Routes("a", {"z"}));
    two->Ack(two->Poll()->sequence);
    CHECK(hub.acknowledged().version == removed);
    one->Ack(one->Poll()->sequence);
    CHECK(hub.acknowledged().version >= again);
  }
}

TEST_CASE("Close wakes the one that waits") {
  RouteHub hub;
  const auto s = hub.Subscribe();
  s->Poll();
  std::thread waiter([&] { CHECK_FALSE(s->Next().has_value()); });
  s->Close();
  waiter.join();
}
