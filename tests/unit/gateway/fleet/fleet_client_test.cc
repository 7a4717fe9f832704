#include "gateway/fleet/fleet_client.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "core/base/real_clock.h"
#include "gateway/fleet/route_cache.h"
#include "tests/fakes/fleet/fake_controller.h"

namespace hearth::fleet {
namespace {

using namespace std::chrono_literals;
using fakes::FakeController;
using fakes::MakeRoute;

struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/hearth-fleet-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

// A fleet client with a stand-in for the data path: tables are installed at once, unless held back.
class Gateway {
 public:
  Gateway(std::vector<std::string> controllers, std::string cache = {})
      : outbox_(clock_),
        store_(clock_, {1, "default", &outbox_, nullptr}),
        client_(
            Options(std::move(controllers), std::move(cache)), &outbox_, &store_,
            [this](auto table, auto done) { Install(std::move(table), std::move(done)); },
            [this](auto controller) { SetController(std::move(controller)); },
            log::Logger::Null()) {}
  ~Gateway() { client_.Stop(); }

  void Start() { client_.Start(); }
  void Stop() { client_.Stop(); }
  bool WaitForTable(const std::function<bool(const route::Table&)>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return table_ != nullptr && holds(*table_); });
  }
  bool WaitForFunction(const std::string& name) {
    return WaitForTable([&](const route::Table& t) { return t.Find(name, "") != nullptr; });
  }
  bool WaitForController(const std::function<bool(const std::optional<ControllerInfo>&)>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return holds(controller_); });
  }
  std::shared_ptr<const route::Table> table() {
    std::lock_guard lock(mutex_);
    return table_;
  }
  void HoldInstalls() {
    std::lock_guard lock(mutex_);
    hold_ = true;
  }
  void ReleaseInstalls() {
    std::vector<std::function<void()>> held;
    {
      std::lock_guard lock(mutex_);
      hold_ = false;
      held.swap(held_);
    }
    for (auto& done : held) done();
  }
  Outbox& outbox() { return outbox_; }
  FleetClient& client() { return client_; }
  const Clock& clock() const { return clock_; }

 private:
  static FleetOptions Options(std::vector<std::string> controllers, std::string cache) {
    FleetOptions options;
    options.controllers = std::move(controllers);
    options.gateway_id = "g-1";
    options.version = "test";
    options.function_url = "http://127.0.0.1:8080";
    options.route_cache = std::move(cache);
    options.cache_delay = 10ms;
    return options;
  }
  void Install(std::shared_ptr<const route::Table> table, std::function<void()> done) {
    {
      std::lock_guard lock(mutex_);
      table_ = std::move(table);
      changed_.notify_all();
      if (hold_) {
        held_.push_back(std::move(done));
        return;
      }
    }
    done();
  }
  void SetController(std::optional<ControllerInfo> controller) {
    std::lock_guard lock(mutex_);
    controller_ = std::move(controller);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const route::Table> table_;
  std::optional<ControllerInfo> controller_;
  bool hold_ = false;
  std::vector<std::function<void()>> held_;
  RealClock clock_;
  Outbox outbox_;
  route::RouteStore store_;
  FleetClient client_;
};

size_t FullReports(const FakeController::Messages& heard) {
  size_t n = 0;
  for (const auto& m : heard) n += m.has_demand() && m.demand().full() ? 1 : 0;
  return n;
}

TEST_CASE("A gateway introduces itself, takes the snapshot and acknowledges it") {
  FakeController controller("127.0.0.1:0");
  v1::ControllerHello hello = controller.Hello();
  hello.set_epoch(7);
  hello.set_api_address("127.0.0.1:1");
  hello.set_stream_address("unix:/x");
  hello.set_internal_token("token");
  controller.SetHello(hello);
  const uint64_t sequence = controller.Upsert(MakeRoute("f", "127.0.0.1:2"));
  Gateway gateway({controller.address()});
  gateway.Start();
  REQUIRE(controller.WaitForAck(sequence));
  CHECK(gateway.WaitForFunction("f"));
  const auto heard = controller.Heard();
  REQUIRE(heard.front().has_hello());
  CHECK(heard.front().hello().gateway_id() == "g-1");
  CHECK(heard.front().hello().function_url() == "http://127.0.0.1:8080");
  CHECK(controller.WaitFor([](const auto& h) { return FullReports(h) == 1; }));
  const FleetStatus status = gateway.client().status();
  REQUIRE(status.controller);
  CHECK(status.controller->epoch == 7);
  CHECK(status.controller->internal_token == "token");
  CHECK(status.functions == 1);
}

TEST_CASE("A delta is acknowledged only once every loop has swapped") {
  FakeController controller("127.0.0.1:0");
  Gateway gateway({controller.address()});
  gateway.Start();
  REQUIRE(controller.WaitForAck(1));
  gateway.HoldInstalls();
  const uint64_t sequence = controller.Upsert(MakeRoute("f", "127.0.0.1:2"));
  REQUIRE(gateway.WaitForFunction("f"));
  CHECK_FALSE(controller.WaitFor(
      [&](const auto& heard) {
        for (const auto& m : heard) {
          if (m.has_ack() && m.ack().sequence() == sequence) return true;
        }
        return false;
      },
      50ms));
  gateway.ReleaseInstalls();
  CHECK(controller.WaitForAck(sequence));
}

TEST_CASE("A gap in the sequence is healed by a new stream") {
  FakeController controller("127.0.0.1:0");
  Gateway gateway({controller.address()});
  gateway.Start();
  REQUIRE(controller.WaitForAck(1));
  controller.Upsert(MakeRoute("a", ""));
  REQUIRE(gateway.WaitForFunction("a"));
  controller.SkipSequence();
  const uint64_t sequence = controller.Upsert(MakeRoute("b", ""));
  CHECK(controller.WaitForAck(sequence));
  CHECK(gateway.WaitForFunction("b"));
  CHECK(controller.streams_opened() == 2);
}

TEST_CASE("Routes outlive the controller; a new one starts with a snapshot and a full report") {
  FakeController controller("127.0.0.1:0");
  controller.Upsert(MakeRoute("f", "127.0.0.1:2"));
  Gateway gateway({controller.address()});
  gateway.Start();
  REQUIRE(gateway.WaitForFunction("f"));
  const std::string address = controller.address();
  controller.Shutdown();
  REQUIRE(gateway.WaitForController([](const auto& c) { return !c.has_value(); }));
  CHECK(gateway.table()->Find("f", "") != nullptr);

  FakeController successor;
  v1::ControllerHello hello = successor.Hello();
  hello.set_epoch(2);
  successor.SetHello(hello);
  successor.Upsert(MakeRoute("g", ""));
  successor.Listen(address);
  CHECK(gateway.WaitForFunction("g"));
  CHECK(gateway.table()->Find("f", "") == nullptr);
  CHECK(successor.WaitFor([](const auto& h) { return FullReports(h) == 1; }));
}

TEST_CASE("Only the controller with the newest epoch is obeyed") {
  FakeController old_leader("127.0.0.1:0");
  old_leader.Upsert(MakeRoute("old", ""));
  FakeController standby("127.0.0.1:0");
  v1::ControllerHello hello = standby.Hello();
  hello.set_epoch(1);
  hello.set_leader(false);
  standby.SetHello(hello);
  Gateway gateway({old_leader.address(), standby.address()});
  gateway.Start();
  REQUIRE(gateway.WaitForFunction("old"));
  REQUIRE(standby.WaitFor([](const auto& heard) { return !heard.empty(); }));

  // An election that the old leader has not noticed.
  standby.Upsert(MakeRoute("new", ""));
  hello.set_epoch(2);
  hello.set_leader(true);
  standby.SetHello(hello);
  REQUIRE(gateway.WaitForFunction("new"));
  REQUIRE(standby.WaitForAck(2));
  old_leader.Upsert(MakeRoute("stale", ""));
  standby.Upsert(MakeRoute("newer", ""));
  REQUIRE(gateway.WaitForFunction("newer"));
  CHECK(gateway.table()->Find("stale", "") == nullptr);
  CHECK(gateway.table()->Find("old", "") == nullptr);

  // Nor is it when it comes back alone.
  standby.Shutdown();
  REQUIRE(gateway.WaitForController([](const auto& c) { return !c.has_value(); }));
  old_leader.DropStreams();
  const size_t opened = old_leader.streams_opened();
  REQUIRE(old_leader.WaitFor([&, n = size_t{0}](const auto& heard) mutable {
    n = 0;
    for (const auto& m : heard) n += m.has_hello() ? 1 : 0;
    return n > opened;
  }));
  CHECK(gateway.table()->Find("newer", "") != nullptr);
  CHECK(gateway.table()->Find("stale", "") == nullptr);
}

TEST_CASE("A waiting request is reported at once, and again after a reconnect") {
  FakeController controller("127.0.0.1:0");
  controller.Upsert(MakeRoute("cold", ""));
  Gateway gateway({controller.address()});
  gateway.Start();
  REQUIRE(gateway.WaitForFunction("cold"));
  REQUIRE(controller.WaitFor([](const auto& h) { return FullReports(h) == 1; }));

  struct Waiting final : route::SlotWaiter {
    void Notify(std::shared_ptr<queue::Waiter>) override {}
  };
  const auto waiter = std::make_shared<Waiting>();
  const auto state = gateway.table()->Find("cold", "")->state;
  const MonotonicTime now = gateway.clock().Now();
  state->OnArrival(0, now);
  REQUIRE(state->Enqueue(waiter, route::FunctionState::Place::kBack, {}, now) ==
          route::Admission::kQueued);
  CHECK(controller.WaitForDemand("cold", [](const auto& d) { return d.queued() == 1; }));

  controller.DropStreams();
  CHECK(controller.WaitFor([](const auto& heard) {
    if (FullReports(heard) != 2) return false;
    for (const auto& m : heard) {
      if (!m.has_demand() || !m.demand().full()) continue;
      for (const auto& d : m.demand().functions()) {
        if (d.name() == "cold" && d.queued() == 1) return true;
      }
    }
    return false;
  }));
  state->Cancel(*waiter);
  CHECK(controller.WaitForDemand("cold", [](const auto& d) { return d.queued() == 0; }));
}

TEST_CASE("A failed replica is named once until it is sent") {
  FakeController controller("127.0.0.1:0");
  Gateway gateway({controller.address()});
  const FunctionKey key{"default", "f"};
  for (int i = 0; i < 3; ++i) {
    gateway.outbox().OnReplicaFailure(key, ReplicaId("r-1-x"), "connect_refused");
  }
  gateway.Start();
  const auto failures = [](const FakeController::Messages& heard) {
    size_t n = 0;
    for (const auto& m : heard) n += m.has_replica_failure() ? 1 : 0;
    return n;
  };
  REQUIRE(controller.WaitFor([&](const auto& heard) { return failures(heard) == 1; }));
  gateway.outbox().OnReplicaFailure(key, ReplicaId("r-1-x"), "connect_refused");
  CHECK(controller.WaitFor([&](const auto& heard) { return failures(heard) == 2; }));
}

TEST_CASE("Routes are kept on disk and used when no controller is there") {
  TempFolder folder;
  const std::string cache = folder.path + "/routes.pb";
  {
    FakeController controller("127.0.0.1:0");
    controller.Upsert(MakeRoute("kept", "127.0.0.1:2"));
    Gateway gateway({controller.address()}, cache);
    gateway.Start();
    REQUIRE(gateway.WaitForFunction("kept"));
    gateway.Stop();
  }
  REQUIRE(LoadRoutes(cache).ok());
  Gateway gateway({"unix:" + folder.path + "/nobody.sock"}, cache);
  gateway.Start();
  REQUIRE(gateway.WaitForFunction("kept"));
  const FleetStatus status = gateway.client().status();
  CHECK(status.from_cache);
  CHECK_FALSE(status.controller);
  const auto* function = gateway.table()->Find("kept", "");
  CHECK(function->replicas->replica_count == 1);
}

TEST_CASE("Ten thousand functions come over in one snapshot") {
  TempFolder folder;
  FakeController controller;
  for (int i = 0; i < 10000; ++i) {
    v1::FunctionRoute route = MakeRoute("f" + std::to_string(i), "unix:/run/hearth/r/x/data.sock");
    for (int r = 1; r < 5; ++r) {
      *route.mutable_revisions(0)->add_replicas() = route.revisions(0).replicas(0);
      route.mutable_revisions(0)->mutable_replicas(r)->set_replica_id("r-0123456789abcdef-" +
                                                                      std::to_string(r));
      route.mutable_revisions(0)->mutable_replicas(r)->set_token(std::string(64, 't'));
    }
    controller.Upsert(route);
  }
  controller.Listen("unix:" + folder.path + "/fleet.sock");
  Gateway gateway({controller.address()});
  gateway.Start();
  CHECK(gateway.WaitForTable([](const route::Table& t) { return t.size() == 10000; }));
  CHECK(controller.WaitForAck(10001));
}

}  // namespace
}  // namespace hearth::fleet
