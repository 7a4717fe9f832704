#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/app/app.h"
#include "tests/fakes/fake_backend.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_store.h"

namespace hearth::controller {

// A gateway as the application sees it: it follows the routes and reports load.
class TestGateway {
 public:
  TestGateway(App& app, RouteHub& hub, std::string name)
      : app_(app), subscription_(hub.Subscribe()), id_(std::move(name)) {
    app_.OnGatewayConnected(id_, "http://127.0.0.1:8080");
    app_.OnDemand(id_, true, {});
  }

  // Takes what is new; acknowledges where asked to.
  void Follow(bool acknowledge = true) {
    while (auto update = subscription_->Poll()) {
      if (update->snapshot) routes_.clear();
      for (const auto& r : update->upserts) routes_[r->function] = *r;
      for (const auto& key : update->deletes) routes_.erase(key);
      last_ = update->sequence;
    }
    if (!acknowledge) return;
    subscription_->Ack(last_);
    app_.OnAcknowledged(id_);
  }

  void Report(FunctionLoad load) { app_.OnDemand(id_, false, {std::move(load)}); }
  void Queue(const FunctionKey& key, uint32_t queued, uint32_t in_flight = 0) {
    FunctionLoad load;
    load.function = key;
    load.queued = queued;
    load.in_flight = in_flight;
    load.completed_total = completed_;
    Report(std::move(load));
  }
  void Quiet(const FunctionKey& key, uint64_t completed, Duration ago = {}) {
    completed_ = completed;
    FunctionLoad load;
    load.function = key;
    load.completed_total = completed;
    load.service_time = std::chrono::milliseconds(5);
    load.last_activity_ago = ago;
    Report(std::move(load));
  }
  void Leave() {
    subscription_->Close();
    app_.OnGatewayLost(id_);
  }

  bool Knows(const FunctionKey& key) const { return routes_.contains(key); }
  const FunctionRoutes& RoutesOf(const FunctionKey& key) const { return routes_.at(key); }
  std::set<std::string> ReplicasOf(const FunctionKey& key) const {
    std::set<std::string> ids;
    const auto it = routes_.find(key);
    if (it == routes_.end()) return ids;
    for (const auto& revision : it->second.revisions) {
      for (const auto& replica : revision.replicas) ids.insert(replica.id.value());
    }
    return ids;
  }

 private:
  App& app_;
  std::shared_ptr<RouteHub::Subscription> subscription_;
  GatewayId id_;
  uint64_t last_ = 0;
  uint64_t completed_ = 0;
  std::map<FunctionKey, FunctionRoutes> routes_;
};

// The application on fakes. Restart() throws the application away and starts another on the same
// store, while what runs goes on running.
struct World {
  fakes::FakeClock clock;
  fakes::FakeStore store;
  fakes::FakeSecretStore secrets;
  std::unique_ptr<fakes::FakeBackend> backend = std::make_unique<fakes::FakeBackend>();
  std::unique_ptr<RouteHub> hub;
  Metrics metrics;
  std::unique_ptr<App> app;

  World() { Restart(); }

  void Restart(std::vector<model::Replica> running = {}) {
    app.reset();
    backend = std::make_unique<fakes::FakeBackend>();
    backend->running = std::move(running);
    hub = std::make_unique<RouteHub>();
    AppDeps deps{&clock, &store, &secrets, backend.get(), hub.get(), &metrics};
    app = std::make_unique<App>(AppOptions{}, deps, log::Logger::Null());
    const absl::Status started = app->Start();
    if (!started.ok()) throw std::runtime_error(started.ToString());
    app->ProcessDue();
  }

  // Lets time pass in steps, as the controller's thread would see it.
  void Pass(Duration span, Duration step = std::chrono::milliseconds(250)) {
    app->ProcessDue();
    for (Duration passed{}; passed < span; passed += step) {
      clock.Advance(step);
      app->ProcessDue();
    }
  }

  static model::Function Hello(std::string handler = "h.handler") {
    model::Function f;
    f.key = {"default", "hello"};
    f.spec.runtime = "python3";
    f.spec.handler = std::move(handler);
    f.spec.source.inline_code = "def handler(event, context): return 'hi'";
    return f;
  }

  absl::StatusOr<Applied> Apply(model::Function f) {
    auto applied = app->Apply(std::move(f), ApplyMode::kCreateOrUpdate, ApplyEffect::kReal);
    app->ProcessDue();
    return applied;
  }

  // Deployed, proven by one replica, which is ready.
  ReplicaId DeployReady(model::Function f = Hello()) {
    const auto applied = Apply(std::move(f));
    if (!applied.ok()) throw std::runtime_error(applied.status().ToString());
    backend->AllReady();
    app->ProcessDue();
    return backend->In(model::ReplicaState::kReady).back();
  }

  FunctionStatus Status(const FunctionKey& key = {"default", "hello"}) const {
    return app->Get(key)->status;
  }
  std::string ReadyReason() const {
    const FunctionStatus s = Status();
    const Condition* ready = s.Find("Ready");
    return std::string(ToString(ready->status)) + " " + ready->reason;
  }
};

}  // namespace hearth::controller
