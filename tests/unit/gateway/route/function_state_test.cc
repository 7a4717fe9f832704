#include "gateway/route/function_state.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <condition_variable>
#include <thread>

#include "core/base/strings.h"
#include "gateway/route/route_store.h"
#include "gateway/route/table.h"
#include "tests/fakes/fake_clock.h"

namespace hearth::route {
namespace {

class Caller final : public SlotWaiter {
 public:
  explicit Caller(int n) : number(n) { bytes = 1; }
  void Notify(std::shared_ptr<queue::Waiter>) override { ++notified; }
  const int number;
  int notified = 0;
};

struct Fixture {
  fakes::FakeClock clock;
  PlatformLimits limits;
  RouteStore store{
      clock, {.loop_count = 2, .default_namespace = "d", .demand = nullptr, .limits = &limits}};
  balance::Random random{1};

  const Function& Install(std::vector<uint32_t> capacities, uint32_t total = 0) {
    FunctionSpec spec;
    spec.key = {"d", "f"};
    spec.max_total_in_flight = total;
    RevisionSpec revision{"r", 1, {}};
    for (size_t i = 0; i < capacities.size(); ++i) {
      revision.replicas.push_back({Cat("r", i, "-", capacities[i]), "unix:/x", "", capacities[i]});
    }
    spec.revisions.push_back(std::move(revision));
    store.Apply({spec}, {});
    return *store.current()->Find("f", "");
  }
};

TEST_CASE("a slot frees itself whatever happens to it") {
  Fixture f;
  const Function& function = f.Install({1});
  const auto claim = [&] {
    return function.state->TryClaim(*function.replicas, 0, f.clock.Now(), f.random);
  };
  {
    Slot slot = claim();
    REQUIRE(slot);
    CHECK_FALSE(claim());
    Slot moved = std::move(slot);
    CHECK_FALSE(claim());
    moved.Release();
    moved.Release();
    CHECK(function.state->Sample(f.clock.Now()).in_flight == 0);
    slot = claim();
    REQUIRE(slot);
    slot = Slot();
  }
  CHECK(claim());
  CHECK(claim());
}

TEST_CASE("service time is a moving average") {
  Fixture f;
  const Function& function = f.Install({0});
  CHECK(function.state->Sample(f.clock.Now()).service_time_ms == 0);
  function.state->OnCompleted(0, f.clock.Now(), std::chrono::milliseconds(10));
  CHECK(function.state->Sample(f.clock.Now()).service_time_ms == Approx(10));
  for (int i = 0; i < 1000; ++i) {
    function.state->OnCompleted(1, f.clock.Now(), std::chrono::milliseconds(30));
  }
  const auto sample = function.state->Sample(f.clock.Now());
  CHECK(sample.service_time_ms == Approx(30).epsilon(0.01));
  CHECK(sample.completed == 1001);
}

// A step of a random history: arrivals, departures and changes of the routes.
enum class Step : uint8_t { kArrive, kFinish, kAbort, kPutBack, kRoutes, kLast };

TEST_CASE("no waiter is lost, no limit exceeded, no slot leaks", "[property]") {
  rc::prop("any history", [](const std::vector<uint16_t>& history) {
    Fixture f;
    const std::vector<std::vector<uint32_t>> shapes = {{}, {1}, {2, 1}, {3}, {1, 1, 1}};
    const queue::Bounds bounds{.requests = 4, .bytes = 1000};
    const Function* function = &f.Install(shapes[1]);
    // As a loop does for the requests that began with them.
    std::vector<std::shared_ptr<const Table>> pinned{f.store.current()};
    std::vector<std::pair<int, Slot>> inside;
    std::deque<std::shared_ptr<Caller>> waiting;
    int next = 0;
    const auto collect = [&] {
      while (!waiting.empty() && waiting.front()->outcome == queue::Outcome::kGranted) {
        RC_ASSERT(waiting.front()->notified == 1);
        inside.emplace_back(waiting.front()->number, waiting.front()->TakeSlot());
        RC_ASSERT(static_cast<bool>(inside.back().second));
        waiting.pop_front();
      }
      // First come, first served: nobody behind the first one has a slot.
      for (const auto& w : waiting) RC_ASSERT(w->outcome == queue::Outcome::kWaiting);
    };
    for (const uint16_t word : history) {
      const size_t pick = word >> 4;
      switch (static_cast<Step>(word % static_cast<unsigned>(Step::kLast))) {
        case Step::kArrive: {
          Slot slot =
              function->state->TryClaim(*function->replicas, word % 2, f.clock.Now(), f.random);
          if (slot) {
            RC_ASSERT(waiting.empty());
            inside.emplace_back(next++, std::move(slot));
            break;
          }
          auto caller = std::make_shared<Caller>(next++);
          caller->loop_index = word % 2;
          const auto admission =
              function->state->Enqueue(caller, FunctionState::Place::kBack, bounds, f.clock.Now());
          if (admission == Admission::kQueued) waiting.push_back(caller);
          if (admission == Admission::kGranted)
            inside.emplace_back(caller->number, caller->TakeSlot());
          if (admission == Admission::kFunctionFull) RC_ASSERT(waiting.size() >= bounds.requests);
          break;
        }
        case Step::kFinish:
          if (inside.empty()) break;
          inside.erase(inside.begin() + static_cast<long>(pick % inside.size()));
          break;
        case Step::kAbort: {
          if (waiting.empty()) break;
          const auto at = waiting.begin() + static_cast<long>(pick % waiting.size());
          function->state->Cancel(**at);
          waiting.erase(at);
          break;
        }
        case Step::kPutBack: {
          if (inside.empty()) break;
          auto caller = std::make_shared<Caller>(inside.back().first);
          inside.back().second.Release();
          inside.pop_back();
          collect();
          const auto admission =
              function->state->Enqueue(caller, FunctionState::Place::kFront, bounds, f.clock.Now());
          if (admission == Admission::kQueued) waiting.push_front(caller);
          if (admission == Admission::kGranted)
            inside.emplace_back(caller->number, caller->TakeSlot());
          break;
        }
        case Step::kRoutes:
          function = &f.Install(shapes[pick % shapes.size()]);
          pinned.push_back(f.store.current());
          break;
        case Step::kLast:
          break;
      }
      collect();
      uint32_t capacity = 0;
      for (const auto& r : function->replicas->revisions) {
        for (const auto& replica : r.replicas) {
          RC_ASSERT(replica->InFlight() <= replica->capacity());
          capacity += replica->capacity() - replica->InFlight();
        }
      }
      if (!waiting.empty()) RC_ASSERT(capacity == 0u);  // nobody waits beside a free slot
      const auto sample = function->state->Sample(f.clock.Now());
      RC_ASSERT(sample.queued == waiting.size());
      RC_ASSERT(sample.in_flight == inside.size());
      RC_ASSERT(f.limits.queued_requests.load() == waiting.size());
    }
    inside.clear();
    collect();
    while (!waiting.empty() || !inside.empty()) {
      if (inside.empty()) {  // nobody can serve: they give up
        for (auto& w : waiting) function->state->Cancel(*w);
        waiting.clear();
      }
      inside.clear();
      collect();
    }
    RC_ASSERT(function->state->Sample(f.clock.Now()).in_flight == 0u);
  });
}

// The same between real threads: whoever frees a slot hands it to somebody on another thread.
class ThreadCaller final : public SlotWaiter {
 public:
  void Notify(std::shared_ptr<queue::Waiter>) override {
    const std::lock_guard lock(mutex_);
    told_ = true;
    changed_.notify_one();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return told_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool told_ = false;
};

TEST_CASE("threads that share one slot all get their turn") {
  Fixture f;
  const Function& function = f.Install({1, 2}, 2);
  std::atomic<int> inside{0};
  std::atomic<int> served{0};
  std::atomic<bool> wrong{false};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      balance::Random random(t + 10);
      for (int i = 0; i < 2000 && !wrong; ++i) {
        Slot slot = function.state->TryClaim(*function.replicas, t % 2, f.clock.Now(), random);
        if (!slot) {
          auto caller = std::make_shared<ThreadCaller>();
          caller->loop_index = t % 2;
          const auto admission =
              function.state->Enqueue(caller, FunctionState::Place::kBack, {}, f.clock.Now());
          if (admission == Admission::kQueued && random.Below(16) == 0) {
            function.state->Cancel(*caller);  // gives up at any moment
            continue;
          }
          if (admission == Admission::kQueued && !caller->Wait()) wrong = true;
          slot = caller->TakeSlot();
        }
        if (!slot || inside.fetch_add(1) >= 2) wrong = true;
        inside.fetch_sub(1);
        served.fetch_add(1);
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK_FALSE(wrong);
  CHECK(served > 4000);
  CHECK(function.state->Sample(f.clock.Now()).in_flight == 0);
  CHECK(function.state->queued() == 0);
}

}  // namespace
}  // namespace hearth::route
