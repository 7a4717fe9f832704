#include "gateway/route/table.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <map>

#include "core/base/strings.h"
#include "gateway/route/route_store.h"
#include "hearth/v1/fleet.pb.h"
#include "tests/fakes/fake_clock.h"

namespace hearth::route {
namespace {

FunctionSpec Spec(std::string name, std::string ns = "default", std::vector<std::string> ids = {}) {
  FunctionSpec spec;
  spec.key = {std::move(ns), std::move(name)};
  RevisionSpec revision{"r", 10000, {}};
  for (auto& id : ids) revision.replicas.push_back({id, Cat("unix:/", id), "", 1});
  spec.revisions.push_back(std::move(revision));
  return spec;
}

struct Fixture {
  fakes::FakeClock clock;
  RouteStore store{clock, {}};
};

TEST_CASE("names and namespaces") {
  Fixture f;
  f.store.Apply({Spec("a"), Spec("b", "team"), Spec("a", "team")}, {});
  const auto table = f.store.current();
  CHECK(table->Find("a", "")->key == FunctionKey{"default", "a"});
  CHECK(table->Find("a", "team")->key == FunctionKey{"team", "a"});
  CHECK(table->Find("b", "") == nullptr);
  CHECK(table->Find("", "") == nullptr);
  CHECK(table->Find("a", "nowhere") == nullptr);
  CHECK(table->size() == 3);
  // OpenFaaS's namespace stands for the default one until somebody uses it.
  CHECK(table->Find("a", "openfaas-fn")->key.ns == "default");
  f.store.Apply({Spec("x", "openfaas-fn")}, {});
  CHECK(f.store.current()->Find("a", "openfaas-fn") == nullptr);
  f.store.Apply({}, {FunctionKey{"openfaas-fn", "x"}});
  CHECK(f.store.current()->Find("a", "openfaas-fn") != nullptr);
  // A route may say which namespace is the default.
  auto moved = Spec("b", "team");
  moved.is_default_namespace = true;
  CHECK(f.store.Apply({moved}, {})->Find("b", "")->key.ns == "team");
}

TEST_CASE("a snapshot does not change, whatever comes after it") {
  Fixture f;
  const auto before = f.store.Apply({Spec("a", "default", {"1"})}, {});
  const auto after = f.store.Apply({Spec("a", "default", {"2"}), Spec("b")}, {});
  CHECK(before->Find("a", "")->replicas->revisions[0].replicas[0]->id().value() == "1");
  CHECK(after->Find("a", "")->replicas->revisions[0].replicas[0]->id().value() == "2");
  CHECK(before->Find("b", "") == nullptr);
  CHECK(before->Find("a", "")->state == after->Find("a", "")->state);
  CHECK(after->version() > before->version());
  const auto gone = f.store.Apply({}, {FunctionKey{"default", "a"}, FunctionKey{"default", "zz"}});
  CHECK(gone->Find("a", "") == nullptr);
  CHECK(gone->Find("b", "") != nullptr);
  CHECK(gone->size() == 1);
}

TEST_CASE("replicas keep their counts across snapshots, others are new") {
  Fixture f;
  const auto one = f.store.Apply({Spec("a", "default", {"1", "2"})}, {});
  const auto replica = one->Find("a", "")->replicas->revisions[0].replicas[0];
  const auto two = f.store.Apply({Spec("a", "default", {"1"})}, {});
  CHECK(two->Find("a", "")->replicas->revisions[0].replicas[0] == replica);
  auto moved = Spec("a", "default", {"1"});
  moved.revisions[0].replicas[0].address = "unix:/elsewhere";
  const auto three = f.store.Apply({moved}, {});
  CHECK(three->Find("a", "")->replicas->revisions[0].replicas[0] != replica);
}

TEST_CASE("a whole snapshot deletes what it does not name") {
  Fixture f;
  f.store.Apply({Spec("a"), Spec("b")}, {});
  f.store.Reset(std::vector<FunctionSpec>{Spec("b"), Spec("c")});
  CHECK(f.store.current()->Find("a", "") == nullptr);
  CHECK(f.store.current()->Find("b", "") != nullptr);
  CHECK(f.store.current()->size() == 2);
  CHECK(f.store.States().size() == 2);
}

TEST_CASE("ten thousand functions are found, and each change is small") {
  Fixture f;
  std::vector<FunctionSpec> specs;
  for (int i = 0; i < 10000; ++i) specs.push_back(Spec(Cat("function-", i), Cat("ns", i % 7)));
  f.store.Reset(std::move(specs));
  for (int i = 0; i < 10000; ++i) {
    const Function* found = f.store.current()->Find(Cat("function-", i), Cat("ns", i % 7));
    REQUIRE(found != nullptr);
    REQUIRE(found->key.name == Cat("function-", i));
  }
  for (int i = 0; i < 10000; i += 2) {
    f.store.Apply({}, {FunctionKey{Cat("ns", i % 7), Cat("function-", i)}});
  }
  size_t counted = 0;
  f.store.current()->ForEach([&](const Function&) { ++counted; });
  CHECK(counted == 5000);
  CHECK(f.store.current()->Find("function-1", "ns1") != nullptr);
  CHECK(f.store.current()->Find("function-2", "ns2") == nullptr);
}

TEST_CASE("any changes give the table that their result alone would give") {
  rc::prop("and every version stays as it was", [](const std::vector<uint32_t>& steps) {
    Fixture f;
    using Model = std::map<FunctionKey, std::string>;  // and the id of its replica
    Model model;
    std::vector<std::pair<std::shared_ptr<const Table>, Model>> versions;
    const auto key_of = [](uint32_t n) {
      return FunctionKey{n % 3 == 0 ? "team" : "default", Cat("f", n % 97)};
    };
    const auto spec_of = [](const FunctionKey& key, const std::string& id) {
      return Spec(key.name, key.ns, {id});
    };
    int next = 0;
    for (const uint32_t step : steps) {
      std::vector<FunctionSpec> upserts;
      std::vector<FunctionKey> deletes;
      if (step % 50 == 0) {  // a snapshot: about half of what there is, renewed, and nothing else
        Model half;
        for (const auto& [key, id] : model) {
          if ((std::hash<FunctionKey>()(key) ^ step) % 2 == 0) half[key] = Cat(id, "'");
        }
        for (const auto& [key, id] : half) upserts.push_back(spec_of(key, id));
        model = half;
        f.store.Reset(std::move(upserts));
      } else {
        if (step % 3 == 1) deletes.push_back(key_of(step / 7));
        if (step % 3 != 1 || step % 5 == 0) {
          const std::string id = Cat("i", ++next);
          upserts.push_back(spec_of(key_of(step / 11), id));
          for (const FunctionKey& key : deletes) model.erase(key);
          model[upserts[0].key] = id;
        }
        for (const FunctionKey& key : deletes) {
          if (upserts.empty() || upserts[0].key != key) model.erase(key);
        }
        f.store.Apply(std::move(upserts), deletes);
      }
      versions.emplace_back(f.store.current(), model);
    }
    for (const auto& [table, expected] : versions) {
      Model found;
      table->ForEach([&](const Function& function) {
        found[function.key] = function.replicas->revisions.at(0).replicas.at(0)->id().value();
        RC_ASSERT(table->Find(function.key.name, function.key.ns) == &function);
        RC_ASSERT(table->Share(function).get() == &function);
      });
      RC_ASSERT(found == expected);
      RC_ASSERT(table->size() == expected.size());
      RC_ASSERT(table->Find("f1", "nowhere") == nullptr);
    }
  });
}

TEST_CASE("a name is found near the right one among ten thousand") {
  Fixture f;
  std::vector<FunctionSpec> specs;
  for (int i = 0; i < 10000; ++i) specs.push_back(Spec(Cat("worker-", i)));
  specs.push_back(Spec("thumbnail"));
  f.store.Reset(std::move(specs));
  CHECK(f.store.current()->Near("thumbnial", "").at(0) == "thumbnail");
  CHECK(f.store.current()->Near("workre-77", "").size() == 3);
}

TEST_CASE("names that are near") {
  Fixture f;
  f.store.Apply({Spec("resize"), Spec("resize", "team"), Spec("hello")}, {});
  const auto table = f.store.current();
  CHECK(table->Near("resise", "").at(0) == "resize");
  CHECK(table->Near("resize", "taem").at(0) == "resize.team");
  CHECK(table->Near("completely-different", "").empty());
}

TEST_CASE("messages of the fleet become routes") {
  Fixture f;
  v1::RouteSnapshot snapshot;
  v1::FunctionRoute* route = snapshot.add_functions();
  route->set_namespace_("prod");
  route->set_name("a");
  route->set_is_default_namespace(true);
  v1::RevisionRoute* revision = route->add_revisions();
  revision->set_revision("r-1");
  revision->set_weight(10000);
  v1::ReplicaRoute* replica = revision->add_replicas();
  replica->set_replica_id("r-1-x");
  replica->set_address("unix:/run/x.sock");
  replica->set_token("secret");
  replica->set_capacity(4);
  v1::RoutePolicy* policy = route->mutable_policy();
  policy->set_timeout_ms(1500);
  policy->set_stream_idle_timeout_ms(2500);
  policy->set_max_duration_ms(UINT64_MAX);
  policy->set_max_body_bytes(6 << 20);
  policy->set_queue_max_requests(5);
  policy->set_queue_max_wait_ms(700);
  policy->set_private_(true);
  policy->set_max_total_in_flight(9);
  policy->set_has_watchdog(true);
  const auto table = f.store.Reset(snapshot);
  const Function* found = table->Find("a", "");
  REQUIRE(found != nullptr);
  CHECK(found->policy.timeout == std::chrono::milliseconds(1500));
  CHECK(found->policy.stream_idle_timeout == std::chrono::milliseconds(2500));
  CHECK(found->policy.max_duration > std::chrono::hours(24));
  CHECK(found->policy.max_body_bytes == 6 << 20);
  CHECK(found->policy.queue.requests == 5);
  CHECK(found->policy.queue.bytes == queue::Bounds{}.bytes);
  CHECK(found->policy.queue_max_wait == std::chrono::milliseconds(700));
  CHECK(found->policy.is_private);
  CHECK(found->policy.has_watchdog);
  CHECK(found->replicas->max_total_in_flight == 9);
  const auto& made = found->replicas->revisions.at(0).replicas.at(0);
  CHECK(made->address() == "unix:/run/x.sock");
  CHECK(made->token() == "secret");
  CHECK(made->capacity() == 4);

  v1::RouteDelta delta;
  v1::FunctionRef* ref = delta.add_deletes();
  ref->set_namespace_("prod");
  ref->set_name("a");
  CHECK(f.store.Apply(delta)->size() == 0);
}

}  // namespace
}  // namespace hearth::route
