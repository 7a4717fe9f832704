// What many functions cost: memory by the allocator's own account, times as ratios of medians.
#include <catch2/catch.hpp>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/base/strings.h"
#include "gateway/fleet/route_mirror.h"
#include "gateway/route/route_store.h"
#include "hearth/v1/fleet.pb.h"
#include "tests/fakes/fake_clock.h"

namespace hearth::route {
namespace {

constexpr int kMany = 10000;

// A function as a controller describes it, with one ready replica.
v1::FunctionRoute RouteOf(int i, int change = 0) {
  v1::FunctionRoute route;
  route.set_namespace_("default");
  route.set_name(Cat("some-function-", i));
  route.set_is_default_namespace(true);
  v1::RevisionRoute* revision = route.add_revisions();
  revision->set_revision(Cat("r-0123456789ab", 1000 + i));
  revision->set_weight(10000);
  v1::ReplicaRoute* replica = revision->add_replicas();
  replica->set_replica_id(Cat("r-0123456789ab", 1000 + i, "-", change));
  replica->set_address(Cat("unix:/var/lib/hearth/run/r-0123456789ab", 1000 + i, "/w.sock"));
  replica->set_token("0123456789abcdef0123456789abcdef");
  replica->set_capacity(1);
  route.mutable_policy()->set_timeout_ms(60000);
  route.mutable_policy()->set_has_watchdog(true);
  return route;
}

v1::RouteDelta ChangeOf(int i, int change, uint64_t sequence) {
  v1::RouteDelta delta;
  delta.set_sequence(sequence);
  *delta.add_upserts() = RouteOf(i, change);
  return delta;
}

struct Gateway {
  explicit Gateway(int functions) : size(functions) {
    v1::RouteSnapshot snapshot;
    snapshot.set_sequence(1);
    for (int i = 0; i < functions; ++i) *snapshot.add_functions() = RouteOf(i);
    mirror.Apply(snapshot);
    store.Reset(snapshot);
  }
  fakes::FakeClock clock;
  RouteStore store{clock, {.loop_count = 4}};
  fleet::RouteMirror mirror;
  int size;
  uint64_t sequence = 1;
};

double Median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

template <typename F>
double Microseconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
      .count();
}

double UpdateTime(Gateway& gateway) {
  std::vector<double> times;
  for (int i = 0; i < 2001; ++i) {
    const v1::RouteDelta delta = ChangeOf(i * 7 % gateway.size, i + 1, ++gateway.sequence);
    times.push_back(Microseconds([&] {
      gateway.mirror.Apply(delta);
      gateway.store.Apply(delta);
    }));
  }
  return Median(std::move(times));
}

double LookupTime(const Gateway& gateway) {
  std::vector<std::string> names;
  for (int i = 0; i < gateway.size; ++i) names.push_back(Cat("some-function-", i));
  const auto table = gateway.store.current();
  std::vector<double> times;
  size_t found = 0;
  constexpr int kBatch = 100;
  for (int round = 0; round < 501; ++round) {
    times.push_back(Microseconds([&] {
      for (int i = 0; i < kBatch; ++i) {
        const auto at = static_cast<size_t>(round * 7919 + i * 104729);
        found += table->Find(names[at % names.size()], {}) != nullptr ? 1 : 0;
      }
    }));
  }
  REQUIRE(found == 501 * kBatch);
  return Median(std::move(times)) / kBatch;
}

TEST_CASE(
    "a change and a lookup cost about the same with ten thousand functions as with a hundred") {
  Gateway few(100);
  Gateway many(kMany);
  // By turns, so that what else the machine does meets both.
  std::vector<double> updates;
  std::vector<double> lookups;
  for (int round = 0; round < 7; ++round) {
    updates.push_back(UpdateTime(many) / UpdateTime(few));
    lookups.push_back(LookupTime(many) / LookupTime(few));
  }
  const double update = Median(updates);
  const double lookup = Median(lookups);
  INFO("updates " << update << " times, lookups " << lookup << " times");
  CHECK(update <= 5);
  // The larger table does not fit into the processor's nearest memories; a search through it would
  // take a hundred times longer.
  CHECK(lookup <= 25);
}

// A sanitizer's allocator keeps no such account.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a function's routes are at most two kilobytes") {
  const size_t before = ::mallinfo2().uordblks;
  const Gateway many(kMany);
  const size_t bytes = (::mallinfo2().uordblks - before) / kMany;
  CHECK(bytes > 500);  // the account is right
  CHECK(bytes <= 2048);
}
#endif

TEST_CASE("what functions cost, in figures", "[.figures]") {
  const size_t before = ::mallinfo2().uordblks;
  Gateway many(kMany);
  const size_t bytes = (::mallinfo2().uordblks - before) / kMany;
  Gateway few(100);
  std::printf("%zu bytes a function\n", bytes);
  std::printf("update: %.2f us of 100, %.2f us of 10000\n", UpdateTime(few), UpdateTime(many));
  std::printf("lookup: %.1f ns of 100, %.1f ns of 10000\n", LookupTime(few) * 1000,
              LookupTime(many) * 1000);
}

}  // namespace
}  // namespace hearth::route
