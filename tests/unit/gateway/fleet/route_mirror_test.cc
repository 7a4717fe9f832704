#include "gateway/fleet/route_mirror.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

using Result = RouteMirror::Result;

void AddFunction(v1::FunctionRoute* route, const std::string& name, const std::string& reason) {
  route->set_namespace_("default");
  route->set_name(name);
  route->set_unavailable_reason(reason);
}

v1::RouteDelta Upsert(uint64_t sequence, const std::string& name, const std::string& reason = "") {
  v1::RouteDelta delta;
  delta.set_sequence(sequence);
  AddFunction(delta.add_upserts(), name, reason);
  return delta;
}

v1::RouteDelta Delete(uint64_t sequence, const std::string& name) {
  v1::RouteDelta delta;
  delta.set_sequence(sequence);
  v1::FunctionRef* ref = delta.add_deletes();
  ref->set_namespace_("default");
  ref->set_name(name);
  return delta;
}

// In pieces of two, so that a walk that goes on is tested as well.
v1::RouteSnapshot SnapshotOf(const RouteMirror& mirror) {
  std::string bytes;
  FunctionKey after;
  while (mirror.AppendTo(&bytes, &after, 2)) {
  }
  v1::RouteSnapshot snapshot;
  REQUIRE(snapshot.ParseFromString(bytes));
  return snapshot;
}

TEST_CASE("Deltas follow a snapshot one by one") {
  RouteMirror mirror;
  CHECK(mirror.Apply(Upsert(1, "a")) == Result::kNoSnapshot);
  v1::RouteSnapshot snapshot;
  snapshot.set_sequence(10);
  AddFunction(snapshot.add_functions(), "a", "");
  CHECK(mirror.Apply(snapshot) == Result::kApplied);
  CHECK(mirror.Apply(Upsert(11, "b")) == Result::kApplied);
  CHECK(mirror.Apply(Upsert(11, "c")) == Result::kRepeated);
  CHECK(mirror.size() == 2);
  CHECK(mirror.Apply(Delete(12, "a")) == Result::kApplied);
  CHECK(mirror.size() == 1);
  CHECK(mirror.Apply(Upsert(14, "d")) == Result::kGap);
  CHECK_FALSE(mirror.synced());
  CHECK(mirror.Apply(Upsert(15, "d")) == Result::kNoSnapshot);
  CHECK(mirror.size() == 1);  // what was known stays
}

TEST_CASE("A snapshot replaces everything") {
  RouteMirror mirror;
  v1::RouteSnapshot snapshot;
  snapshot.set_sequence(5);
  AddFunction(snapshot.add_functions(), "a", "x");
  mirror.Apply(snapshot);
  v1::RouteSnapshot other;
  other.set_sequence(1);  // of another controller: numbers start anew
  AddFunction(other.add_functions(), "b", "y");
  mirror.ExpectSnapshot();
  CHECK(mirror.Apply(Upsert(6, "c")) == Result::kNoSnapshot);
  CHECK(mirror.Apply(other) == Result::kApplied);
  const v1::RouteSnapshot got = SnapshotOf(mirror);
  CHECK(got.SerializeAsString() == other.SerializeAsString());
}

TEST_CASE("Snapshot plus deltas is the state they describe") {
  rc::prop("for any changes", [](const std::vector<std::pair<bool, uint8_t>>& changes) {
    RouteMirror mirror;
    v1::RouteSnapshot empty;
    empty.set_sequence(0);
    mirror.Apply(empty);
    std::map<std::string, std::string> model;
    uint64_t sequence = 0;
    for (const auto& [remove, which] : changes) {
      const std::string name = "f" + std::to_string(which % 6);
      const std::string reason = std::to_string(++sequence);
      RC_ASSERT(mirror.Apply(remove ? Delete(sequence, name) : Upsert(sequence, name, reason)) ==
                Result::kApplied);
      if (remove) {
        model.erase(name);
      } else {
        model[name] = reason;
      }
    }
    const v1::RouteSnapshot got = SnapshotOf(mirror);
    RC_ASSERT(static_cast<size_t>(got.functions_size()) == model.size());
    for (const auto& route : got.functions()) {
      RC_ASSERT(model.at(route.name()) == route.unavailable_reason());
    }
    RC_ASSERT(got.sequence() == sequence);
  });
}

}  // namespace
}  // namespace hearth::fleet
