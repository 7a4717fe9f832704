#include "controller/app/app.h"

#include <catch2/catch.hpp>

#include "tests/unit/controller/app/world.h"

using namespace hearth;
using namespace hearth::controller;
using hearth::model::ReplicaState;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const FunctionKey kHello{"default", "hello"};
using Ids = std::set<std::string>;

size_t Count(const World& w, ReplicaState state) { return w.backend->In(state).size(); }

}  // namespace

TEST_CASE("Deployed: proven by one replica, routed, then idle to zero") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  const auto applied = w.Apply(World::Hello());
  REQUIRE(applied.ok());
  CHECK(applied->result == ApplyResult::kCreated);
  CHECK(w.ReadyReason() == "Unknown Deploying");
  CHECK(w.Status().observed_generation == 1);
  REQUIRE(Count(w, ReplicaState::kStarting) == 1);
  gateway.Follow();
  CHECK(gateway.Knows(kHello));
  CHECK(gateway.ReplicasOf(kHello).empty());

  w.backend->AllReady();
  w.app->ProcessDue();
  gateway.Follow();
  CHECK(gateway.ReplicasOf(kHello).size() == 1);
  CHECK(w.ReadyReason() == "True Serving");

  w.Pass(minutes(4));
  CHECK(w.Status().available == 1);
  w.Pass(minutes(2));
  gateway.Follow();
  w.app->ProcessDue();
  CHECK(gateway.ReplicasOf(kHello).empty());
  CHECK(w.backend->drained().size() == 1);
  w.backend->Settle();
  w.app->ProcessDue();
  CHECK(w.ReadyReason() == "True ScaledToZero");
  CHECK(w.Status().desired == 0);

  SECTION("a request brings it back, without a tick") {
    gateway.Queue(kHello, 1);
    w.app->ProcessDue();
    REQUIRE(Count(w, ReplicaState::kStarting) == 1);
    w.backend->AllReady();
    w.app->ProcessDue();
    gateway.Follow();
    CHECK(gateway.ReplicasOf(kHello).size() == 1);
    CHECK(w.metrics.Text(w.app->Gauges()).find("stage=\"decide\"") != std::string::npos);
  }
}

TEST_CASE("A waiting backlog starts as many replicas as it is worth, within the host's budget") {
  World w;
  w.backend->parallelism = 3;
  model::Function f = World::Hello();
  f.spec.scaling.max = 8;
  w.DeployReady(f);
  TestGateway gateway(*w.app, *w.hub, "g");
  FunctionLoad load;
  load.function = kHello;
  load.queued = 9;
  load.in_flight = 1;
  load.service_time = seconds(1);
  gateway.Report(load);
  w.app->ProcessDue();
  CHECK(w.Status().desired == 8);
  CHECK(Count(w, ReplicaState::kStarting) == 3);
  // As soon as one is up, another may start.
  w.backend->BecomeReady(w.backend->In(ReplicaState::kStarting).front());
  w.app->ProcessDue();
  CHECK(Count(w, ReplicaState::kStarting) == 3);
  for (int i = 0; i < 5; ++i) {
    w.backend->AllReady();
    w.app->ProcessDue();
  }
  CHECK(Count(w, ReplicaState::kReady) == 8);
}

TEST_CASE("An update: the old revision serves until the new one has answered; then it drains") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  const ReplicaId old_replica = w.DeployReady();
  gateway.Follow();
  gateway.Queue(kHello, 0, 1);
  CHECK(w.Apply(World::Hello("other.handler"))->result == ApplyResult::kConfigured);
  gateway.Follow();
  CHECK(gateway.ReplicasOf(kHello) == Ids{old_replica.value()});
  REQUIRE(Count(w, ReplicaState::kStarting) == 1);

  w.backend->AllReady();
  w.app->ProcessDue();
  gateway.Follow(false);
  const Ids routed = gateway.ReplicasOf(kHello);
  CHECK(routed.size() == 1);
  CHECK_FALSE(routed.contains(old_replica.value()));
  // Not told to leave before the gateway has let go of it.
  w.Pass(seconds(5));
  CHECK(w.backend->drained().empty());
  gateway.Follow();
  w.app->ProcessDue();
  CHECK(w.backend->drained() == std::vector<ReplicaId>{old_replica});
  CHECK(w.ReadyReason() == "True Serving");
}

TEST_CASE("Every live gateway has to let go; one that is gone does not count") {
  World w;
  TestGateway one(*w.app, *w.hub, "one");
  TestGateway two(*w.app, *w.hub, "two");
  const ReplicaId replica = w.DeployReady();
  one.Follow();
  two.Follow();
  REQUIRE(w.app->Delete(kHello).ok());
  w.app->ProcessDue();
  CHECK_FALSE(w.app->Get(kHello).ok());
  one.Follow();
  w.app->ProcessDue();
  CHECK_FALSE(one.Knows(kHello));
  CHECK(w.backend->drained().empty());
  SECTION("the other acknowledges") { two.Follow(); }
  SECTION("the other goes away") { two.Leave(); }
  w.app->ProcessDue();
  CHECK(w.backend->drained() == std::vector<ReplicaId>{replica});
  w.backend->Settle();
  w.app->ProcessDue();
  CHECK(w.app->List("").empty());
  CHECK(w.store.LoadFunctions()->empty());
}

TEST_CASE("A revision that crashes: shown, backed off, and the old one serves") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  const ReplicaId good = w.DeployReady();
  REQUIRE(w.Apply(World::Hello("broken.handler")).ok());
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(Count(w, ReplicaState::kStarting) == 1);
    w.backend->Fail(w.backend->In(ReplicaState::kStarting)[0], "exit status 1", {"Traceback"});
    w.app->ProcessDue();
    w.backend->Settle();
    w.app->ProcessDue();
    const FunctionStatus status = w.Status();
    CHECK(status.Find("Ready")->status == ConditionStatus::kFalse);
    CHECK(status.recent_logs == std::vector<std::string>{"Traceback"});
    CHECK(status.available == 1);
    if (attempt == 1) continue;
    CHECK(w.ReadyReason() == "False CrashLoop");
    CHECK(Count(w, ReplicaState::kStarting) == 0);
    w.Pass(attempt == 2 ? seconds(10) : seconds(20));
  }
  gateway.Follow();
  CHECK(gateway.ReplicasOf(kHello) == Ids{good.value()});

  SECTION("corrected, it rolls") {
    REQUIRE(w.Apply(World::Hello("fixed.handler")).ok());
    w.backend->AllReady();
    w.app->ProcessDue();
    CHECK(w.ReadyReason() == "True Serving");
    CHECK(w.Status().recent_logs.empty());
  }
  SECTION("applied again unchanged, it is tried again at once") {
    REQUIRE(Count(w, ReplicaState::kStarting) == 1);
    w.backend->Fail(w.backend->In(ReplicaState::kStarting)[0], "exit status 1");
    w.app->ProcessDue();
    w.backend->Settle();
    w.app->ProcessDue();
    REQUIRE(Count(w, ReplicaState::kStarting) == 0);
    CHECK(w.Apply(World::Hello("broken.handler"))->result == ApplyResult::kUnchanged);
    CHECK(Count(w, ReplicaState::kStarting) == 1);
  }
}

TEST_CASE("After a restart: everything is there, what runs is adopted, nothing is proven anew") {
  World w;
  const ReplicaId replica = w.DeployReady();
  w.app->ProcessDue();
  const RevisionId revision = w.Status().revision;
  model::Replica running;
  running.id = replica;
  running.function = kHello;
  running.revision = revision;
  running.state = ReplicaState::kReady;
  running.address = "unix:/run/adopted";
  running.capacity = 1;
  model::Replica orphan = running;
  orphan.id = ReplicaId("r-x-orphan");
  orphan.function = {"default", "deleted-meanwhile"};
  const uint64_t epoch = w.app->epoch();

  w.Restart({running, orphan});
  CHECK(w.app->epoch() > epoch);
  CHECK(w.ReadyReason() == "True Serving");
  CHECK(Count(w, ReplicaState::kStarting) == 0);
  // No gateway yet: nothing is known, nothing is taken away, whoever may route to the orphan.
  w.Pass(seconds(9));
  CHECK(w.backend->drained().empty());
  TestGateway gateway(*w.app, *w.hub, "g");
  w.Pass(seconds(60));
  CHECK(w.backend->drained().empty());
  gateway.Follow();
  CHECK(gateway.ReplicasOf(kHello) == Ids{replica.value()});
  w.app->ProcessDue();
  CHECK(w.backend->drained() == std::vector<ReplicaId>{orphan.id});
  w.Pass(minutes(3));
  CHECK(w.Status().available == 1);
}

TEST_CASE("After a restart at zero nothing starts until a request comes") {
  World w;
  w.DeployReady();
  w.Restart();
  CHECK(w.ReadyReason() == "True ScaledToZero");
  w.Pass(minutes(1));
  CHECK(Count(w, ReplicaState::kStarting) == 0);
  TestGateway gateway(*w.app, *w.hub, "g");
  gateway.Queue(kHello, 1);
  w.app->ProcessDue();
  CHECK(Count(w, ReplicaState::kStarting) == 1);
}

TEST_CASE("An old revision that serves is remembered with its spec") {
  World w;
  w.DeployReady();
  REQUIRE(w.Apply(World::Hello("broken.handler")).ok());
  w.backend->Fail(w.backend->In(ReplicaState::kStarting)[0], "exit status 1");
  w.app->ProcessDue();
  w.Restart();
  TestGateway gateway(*w.app, *w.hub, "g");
  gateway.Queue(kHello, 1);
  w.app->ProcessDue();
  std::set<std::string> handlers;
  for (const auto& id : w.backend->In(ReplicaState::kStarting)) {
    handlers.insert(w.backend->RequestOf(id).spec.handler);
  }
  CHECK(handlers == std::set<std::string>{"broken.handler", "h.handler"});
}

TEST_CASE("A lost gateway: nothing is taken away on what is not known") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  w.DeployReady();
  gateway.Queue(kHello, 0, 1);
  w.app->ProcessDue();
  gateway.Leave();
  w.Pass(minutes(30), seconds(5));
  CHECK(w.Status().available == 1);
  CHECK(w.backend->drained().empty());
}

TEST_CASE("Set by hand, and given back") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  w.DeployReady();
  CHECK(w.app->Scale(kHello, 1000).code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(w.app->Scale(kHello, 3).ok());
  CHECK(w.Status().desired == 3);
  w.app->ProcessDue();
  w.backend->AllReady();
  w.app->ProcessDue();
  CHECK(w.Status().available == 3);
  w.Pass(minutes(20), seconds(5));
  CHECK(w.Status().available == 3);
  SECTION("to zero at once, and back with a request") {
    REQUIRE(w.app->Scale(kHello, 0).ok());
    CHECK(w.Status().desired == 0);
    w.app->ProcessDue();
    gateway.Follow();
    w.app->ProcessDue();
    CHECK(w.backend->drained().size() == 3);
    w.backend->Settle();
    gateway.Queue(kHello, 1);
    w.app->ProcessDue();
    CHECK(Count(w, ReplicaState::kStarting) == 1);
  }
  SECTION("to the autoscaler") {
    REQUIRE(w.app->Scale(kHello, std::nullopt).ok());
    w.Pass(minutes(6), seconds(5));
    gateway.Follow();
    CHECK(w.Status().desired == 0);
  }
}

TEST_CASE("A changed secret rolls the functions that use it") {
  World w;
  REQUIRE(w.app->CreateSecret("default", "key", "one").ok());
  model::Function f = World::Hello();
  f.spec.secrets = {"key"};
  const ReplicaId first = w.DeployReady(f);
  const RevisionId before = w.Status().revision;
  REQUIRE(w.app->UpdateSecret("default", "key", "two").ok());
  w.app->ProcessDue();
  CHECK(w.Status().revision != before);
  REQUIRE(Count(w, ReplicaState::kStarting) == 1);
  w.backend->AllReady();
  w.Pass(seconds(11));
  CHECK(w.backend->drained() == std::vector<ReplicaId>{first});
  REQUIRE(w.app->UpdateSecret("default", "key", "two").ok());
  w.app->ProcessDue();
  CHECK(Count(w, ReplicaState::kStarting) == 0);
}

TEST_CASE("What is refused changes nothing") {
  World w;
  w.DeployReady();
  const auto unchanged = [&] {
    CHECK(w.app->Get(kHello)->function.generation == 1);
    CHECK(w.store.LoadFunctions()->size() == 1);
    CHECK(Count(w, ReplicaState::kStarting) == 0);
  };
  model::Function f = World::Hello("new.handler");
  SECTION("impossible limits") {
    f.spec.scaling.min = 9;
    f.spec.scaling.max = 2;
    CHECK(w.Apply(f).status().code() == absl::StatusCode::kInvalidArgument);
  }
  SECTION("a missing secret") {
    f.spec.secrets = {"absent"};
    const auto status = w.Apply(f).status();
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(std::string(status.message()).find("absent") != std::string::npos);
  }
  SECTION("the backend's objection") {
    w.backend->check = absl::NotFoundError("spec.runtime: there is no runtime \"cobol\"");
    CHECK(w.Apply(f).status().code() == absl::StatusCode::kInvalidArgument);
  }
  SECTION("a namespace that does not exist") {
    f.key.ns = "nowhere";
    CHECK(w.Apply(f).status().code() == absl::StatusCode::kInvalidArgument);
  }
  SECTION("a name that another door has") {
    f.door = model::Door::kOpenFaasApi;
    CHECK(w.Apply(f).status().code() == absl::StatusCode::kAlreadyExists);
  }
  SECTION("a full disk") {
    w.store.fail = absl::UnavailableError("the disk is full");
    CHECK(w.Apply(f).status().code() == absl::StatusCode::kUnavailable);
    CHECK(w.app->Delete(kHello).code() == absl::StatusCode::kUnavailable);
    CHECK(w.app->Scale(kHello, 2).code() == absl::StatusCode::kUnavailable);
  }
  SECTION("a rehearsal") {
    const auto dry = w.app->Apply(f, ApplyMode::kCreateOrUpdate, ApplyEffect::kDryRun);
    REQUIRE(dry.ok());
    CHECK(dry->result == ApplyResult::kConfigured);
  }
  w.app->ProcessDue();
  unchanged();
}

TEST_CASE("Facts that a full disk kept from being written are written later") {
  World w;
  REQUIRE(w.Apply(World::Hello()).ok());
  w.store.fail = absl::UnavailableError("the disk is full");
  w.backend->AllReady();
  w.app->ProcessDue();
  CHECK(w.ReadyReason() == "True Serving");
  CHECK(w.store.LoadFunctions()->front().proven.empty());
  w.store.fail = absl::OkStatus();
  w.Pass(seconds(6));
  CHECK(w.store.LoadFunctions()->front().proven.size() == 1);
}

TEST_CASE("A replica that gateways cannot reach is replaced") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  const ReplicaId replica = w.DeployReady();
  gateway.Queue(kHello, 0, 1);
  for (int i = 0; i < 3; ++i) w.app->OnReplicaFailure(kHello, replica, "connect_refused");
  w.app->ProcessDue();
  CHECK(Count(w, ReplicaState::kStarting) == 1);
  gateway.Follow();
  CHECK(gateway.ReplicasOf(kHello).empty());
}

TEST_CASE("Invocations are counted and survive a restart") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  w.DeployReady();
  gateway.Quiet(kHello, 12);
  CHECK(w.app->Get(kHello)->invocations == 12);
  w.Pass(seconds(11));
  w.Restart();
  CHECK(w.app->Get(kHello)->invocations == 12);
}

TEST_CASE("Created again while its namesake drains: the old replicas still leave") {
  World w;
  TestGateway gateway(*w.app, *w.hub, "g");
  const ReplicaId old_replica = w.DeployReady();
  gateway.Follow();
  REQUIRE(w.app->Delete(kHello).ok());
  w.app->ProcessDue();
  CHECK(w.Apply(World::Hello("again.handler"))->result == ApplyResult::kCreated);
  w.backend->AllReady();
  w.app->ProcessDue();
  gateway.Follow();
  w.app->ProcessDue();
  const Ids routed = gateway.ReplicasOf(kHello);
  CHECK(routed.size() == 1);
  CHECK_FALSE(routed.contains(old_replica.value()));
  CHECK(w.backend->drained() == std::vector<ReplicaId>{old_replica});
}

TEST_CASE("Namespaces: the default one is always there, others come and go") {
  World w;
  CHECK(w.app->Namespaces().front().name == "default");
  Namespace team;
  team.name = "team";
  REQUIRE(w.app->CreateNamespace(team).ok());
  CHECK(absl::IsAlreadyExists(w.app->CreateNamespace(team)));
  Namespace bad;
  bad.name = "Not A Name";
  CHECK(absl::IsInvalidArgument(w.app->CreateNamespace(bad)));
  model::Function f = World::Hello();
  f.key.ns = "team";
  REQUIRE(w.Apply(f).ok());
  CHECK(absl::IsFailedPrecondition(w.app->DeleteNamespace("team")));
  CHECK(absl::IsFailedPrecondition(w.app->DeleteNamespace("default")));
  w.Restart();
  CHECK(w.app->Namespaces().size() == 2);
  REQUIRE(w.app->Delete(f.key).ok());
  CHECK(w.app->DeleteNamespace("team").ok());
  CHECK(absl::IsNotFound(w.app->DeleteNamespace("team")));
}
