// The application with its thread and the machine's clock: what the other tests drive by hand.
#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <thread>

#include "controller/app/app.h"
#include "core/base/real_clock.h"
#include "tests/fakes/fake_backend.h"
#include "tests/fakes/fake_store.h"

using namespace hearth;
using namespace hearth::controller;
using hearth::model::ReplicaState;

namespace {

struct Threaded {
  RealClock clock;
  fakes::FakeStore store;
  fakes::FakeSecretStore secrets;
  fakes::FakeBackend backend;
  RouteHub hub;
  Metrics metrics;
  App app{{}, {&clock, &store, &secrets, &backend, &hub, &metrics}, log::Logger::Null()};

  Threaded() {
    REQUIRE(app.Start().ok());
    app.StartThread();
  }
  bool Eventually(const std::function<bool()>& condition) {
    const MonotonicTime deadline = clock.Now() + std::chrono::seconds(20);
    while (!condition()) {
      if (clock.Now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
};

model::Function Function(const std::string& name) {
  model::Function f;
  f.key = {"default", name};
  f.spec.runtime = "bash";
  f.spec.source.inline_code = "echo hi";
  return f;
}

FunctionLoad Waiting(const FunctionKey& key, uint32_t queued) {
  FunctionLoad load;
  load.function = key;
  load.queued = queued;
  return load;
}

}  // namespace

TEST_CASE("The thread does what is due at once") {
  Threaded t;
  REQUIRE(t.app.Apply(Function("a"), ApplyMode::kCreate, ApplyEffect::kReal).ok());
  REQUIRE(t.Eventually([&] { return t.backend.In(ReplicaState::kStarting).size() == 1; }));
  t.backend.AllReady();
  const FunctionKey key{"default", "a"};
  REQUIRE(t.Eventually([&] { return t.app.Get(key)->status.available == 1; }));
  REQUIRE(t.app.Scale(key, 3).ok());
  REQUIRE(t.Eventually([&] { return t.backend.In(ReplicaState::kStarting).size() == 2; }));
  t.app.StopThread();
  CHECK(t.store.LoadFunctions()->front().proven.size() == 1);
}

TEST_CASE("Everything at once: the API, two gateways, the backend") {
  Threaded t;
  constexpr int kRounds = 60;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (int i = 0; i < kRounds; ++i) {
      model::Function f = Function("f" + std::to_string(i % 3));
      f.spec.handler = std::to_string(i);
      (void)t.app.Apply(f, ApplyMode::kCreateOrUpdate, ApplyEffect::kReal);
      (void)t.app.Scale(f.key, static_cast<uint32_t>(i % 4));
      if (i % 7 == 0) (void)t.app.Delete(f.key);
      (void)t.app.CreateSecret("default", "s" + std::to_string(i), "v");
    }
    done = true;
  });
  for (const char* name : {"g1", "g2"}) {
    threads.emplace_back([&, name] {
      const GatewayId id{std::string(name)};
      t.app.OnGatewayConnected(id, "");
      t.app.OnDemand(id, true, {});
      const auto subscription = t.hub.Subscribe();
      while (!done) {
        while (auto update = subscription->Poll()) {
          subscription->Ack(update->sequence);
          t.app.OnAcknowledged(id);
        }
        t.app.OnDemand(id, false, {Waiting({"default", "f0"}, 2), Waiting({"default", "f1"}, 1)});
        std::this_thread::yield();
      }
      subscription->Close();
      t.app.OnGatewayLost(id);
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      t.backend.AllReady();
      t.backend.Settle();
      (void)t.app.List("");
      (void)t.metrics.Text(t.app.Gauges());
      std::this_thread::yield();
    }
  });
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 3; ++i) {
    (void)t.app.Delete({"default", "f" + std::to_string(i)});
  }
  // With no gateway left nothing is released until the grace is over; but nothing new starts.
  CHECK(t.app.List("").empty());
  t.app.StopThread();
  CHECK(t.store.LoadFunctions()->empty());
}
