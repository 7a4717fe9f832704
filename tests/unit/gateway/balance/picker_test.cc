#include "gateway/balance/picker.h"

#include <catch2/catch.hpp>

#include <map>
#include <thread>

namespace hearth::balance {
namespace {

constexpr MonotonicTime kNow = MonotonicTime(std::chrono::hours(1));

std::shared_ptr<Replica> Make(int number, uint32_t capacity, uint32_t loops = 2) {
  return std::make_shared<Replica>(ReplicaId(std::to_string(number)), "unix:/x", "", capacity,
                                   loops);
}

std::shared_ptr<const ReplicaSet> Set(std::vector<std::shared_ptr<Replica>> replicas) {
  return MakeReplicaSet({{"r", 1, std::move(replicas)}}, 0, "");
}

TEST_CASE("a limit is exact, also between threads") {
  auto replica = Make(1, 7);
  std::atomic<uint32_t> inside{0}, most{0};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20000; ++i) {
        uint32_t held = 0;
        for (int k = 0; k < 5; ++k) {
          if (!replica->TryClaim(t)) continue;
          ++held;
          const uint32_t now = inside.fetch_add(1) + 1;
          uint32_t seen = most.load();
          while (seen < now && !most.compare_exchange_weak(seen, now)) {
          }
        }
        for (; held > 0; --held) {
          inside.fetch_sub(1);
          replica->Release(t);
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(most <= 7);
  CHECK(replica->InFlight() == 0);
}

TEST_CASE("without a limit each loop counts for itself") {
  auto replica = Make(1, 0);
  CHECK(replica->TryClaim(0));
  CHECK(replica->TryClaim(1));
  CHECK(replica->TryClaim(1));
  CHECK(replica->Load(0) == 1);
  CHECK(replica->Load(1) == 2);
  CHECK(replica->Load(kNoLoop) == 3);
  CHECK(replica->InFlight() == 3);
  CHECK(replica->TryClaim(kNoLoop));  // counted only when it is delivered
  CHECK(replica->InFlight() == 3);
  replica->CountDelivered(0);
  CHECK(replica->InFlight() == 4);
  replica->Release(1);
  CHECK(replica->Load(1) == 1);
}

TEST_CASE("the least loaded replica is taken, equals in turn") {
  auto a = Make(1, 10), b = Make(2, 10), c = Make(3, 10);
  const auto set = Set({a, b, c});
  Random random(1);
  a->TryClaim(0);
  for (int i = 0; i < 2; ++i) {
    const auto* chosen = Claim(*set, 0, kNow, random);
    REQUIRE(chosen != nullptr);
    CHECK(*chosen != a);
  }
  CHECK(b->Load(0) + c->Load(0) == 2);
  std::map<const Replica*, int> first;
  for (int i = 0; i < 600; ++i) {
    const auto fresh = Set({Make(1, 1), Make(2, 1), Make(3, 1)});
    const auto* chosen = Claim(*fresh, 0, kNow, random);
    for (size_t k = 0; k < 3; ++k) {
      if (chosen->get() == fresh->revisions[0].replicas[k].get())
        ++first[set->revisions[0].replicas[k].get()];
    }
  }
  for (const auto& [replica, count] : first) CHECK(count > 120);
}

TEST_CASE("a free slot is always found, however many replicas there are") {
  for (const size_t count : {1u, 2u, 8u, 9u, 50u}) {
    DYNAMIC_SECTION(count << " replicas") {
      std::vector<std::shared_ptr<Replica>> replicas;
      for (size_t i = 0; i < count; ++i) replicas.push_back(Make(static_cast<int>(i), 2));
      const auto set = Set(replicas);
      Random random(count);
      for (size_t i = 0; i < 2 * count; ++i) REQUIRE(Claim(*set, 0, kNow, random) != nullptr);
      CHECK(Claim(*set, 0, kNow, random) == nullptr);
      replicas[count / 2]->Release(0);
      const auto* chosen = Claim(*set, 0, kNow, random);
      REQUIRE(chosen != nullptr);
      CHECK(*chosen == replicas[count / 2]);
    }
  }
}

TEST_CASE("the better of two keeps many replicas even") {
  std::vector<std::shared_ptr<Replica>> replicas;
  for (int i = 0; i < 50; ++i) replicas.push_back(Make(i, 0));
  const auto set = Set(replicas);
  Random random(7);
  for (int i = 0; i < 5000; ++i) REQUIRE(Claim(*set, 0, kNow, random) != nullptr);
  for (const auto& r : replicas) {
    CHECK(r->Load(0) > 85);
    CHECK(r->Load(0) < 115);
  }
}

TEST_CASE("weights decide between revisions, free slots before weights") {
  auto old_one = Make(1, 0), new_one = Make(2, 0), hidden = Make(3, 0);
  const auto set = MakeReplicaSet(
      {{"old", 9000, {old_one}}, {"new", 1000, {new_one}}, {"hidden", 0, {hidden}}}, 0, "");
  Random random(3);
  for (int i = 0; i < 10000; ++i) Claim(*set, 0, kNow, random);
  CHECK(new_one->Load(0) > 850);
  CHECK(new_one->Load(0) < 1150);
  CHECK(hidden->Load(0) == 0);
  auto full = Make(4, 1), free_one = Make(5, 1);
  const auto limited = MakeReplicaSet({{"a", 9999, {full}}, {"b", 1, {free_one}}}, 0, "");
  full->TryClaim(0);
  REQUIRE(Claim(*limited, 0, kNow, random) != nullptr);
  CHECK(free_one->Full());
}

TEST_CASE("replicas set aside are passed over until their time") {
  auto a = Make(1, 0), b = Make(2, 0);
  const auto set = Set({a, b});
  Random random(5);
  a->SetAside(kNow + std::chrono::seconds(1));
  for (int i = 0; i < 20; ++i) CHECK(*Claim(*set, 0, kNow, random) == b);
  CHECK_FALSE(MaySetAside(*set, kNow));
  b->SetAside(kNow + std::chrono::seconds(2));
  CHECK(Claim(*set, 0, kNow, random) == nullptr);
  CHECK(*Claim(*set, 0, kNow + std::chrono::seconds(1), random) == a);
  a->ClearAside();
  b->ClearAside();
  CHECK(MaySetAside(*set, kNow));
}

TEST_CASE("the time aside grows and is bounded") {
  CHECK(FailureAside(1) == std::chrono::milliseconds(250));
  CHECK(FailureAside(2) == std::chrono::milliseconds(500));
  CHECK(FailureAside(7) == std::chrono::seconds(15));
  CHECK(FailureAside(4'000'000'000u) == std::chrono::seconds(15));
}

TEST_CASE("what can be inside at once") {
  CHECK(Set({Make(1, 3), Make(2, 0)})->Parallel() == 103);
  CHECK(MakeReplicaSet({{"r", 1, {Make(1, 3)}}}, 2, "")->Parallel() == 2);
  CHECK(MakeReplicaSet({}, 0, "why")->empty());
}

}  // namespace
}  // namespace hearth::balance
