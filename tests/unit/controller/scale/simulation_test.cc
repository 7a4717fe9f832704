#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <vector>

#include "controller/scale/decide.h"
#include "controller/scale/load_tracker.h"

using namespace hearth;
using namespace hearth::controller;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const FunctionKey kFn{"default", "f"};
const GatewayId kGateway("g");

// One function, one gateway and a host, a millisecond at a time: requests wait in one queue, free
// slots of booted replicas pull from it, and after each step the tracker and Decide are asked, as
// the controller does it.
class Simulator {
 public:
  Simulator(ScalePolicy policy, Duration service_time, Duration boot)
      : policy_(policy), service_(service_time), boot_(boot) {
    tracker_.GatewayConnected(kGateway, now_);
    tracker_.Report(kGateway, true, {}, now_);
  }

  void Arrive(uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) queue_.push_back(now_);
    if (n > 0) last_activity_ = now_;
  }

  void Run(Duration span, const std::function<uint32_t(int64_t ms)>& arrivals = {}) {
    const MonotonicTime end = now_ + span;
    for (int64_t ms = 0; now_ < end; ++ms, now_ += milliseconds(1)) {
      if (arrivals) Arrive(arrivals(ms));
      Step();
    }
  }

  size_t live() const { return replicas_.size(); }
  size_t peak() const { return peak_; }
  size_t started() const { return started_; }
  uint64_t done() const { return done_; }
  Duration worst_wait() const { return worst_wait_; }

 private:
  struct Replica {
    MonotonicTime ready;
    std::vector<MonotonicTime> inside;  // when each ends
  };

  void Step() {
    uint32_t in_flight = 0;
    bool any_ready = false;
    for (auto& r : replicas_) {
      done_ += std::erase_if(r.inside, [&](MonotonicTime end) { return end <= now_; });
      if (r.ready > now_) continue;
      any_ready = true;
      while (r.inside.size() < policy_.capacity && !queue_.empty()) {
        worst_wait_ = std::max(worst_wait_, now_ - queue_.front());
        queue_.erase(queue_.begin());
        r.inside.push_back(now_ + service_);
      }
      in_flight += static_cast<uint32_t>(r.inside.size());
    }
    if (in_flight > 0) last_activity_ = now_;
    FunctionLoad load;
    load.function = kFn;
    load.queued = static_cast<uint32_t>(queue_.size());
    if (!queue_.empty()) load.oldest_queued = now_ - queue_.front();
    load.in_flight = in_flight;
    load.completed_total = done_;
    if (done_ > 0) load.service_time = service_;
    load.last_activity_ago = now_ - last_activity_;
    tracker_.Report(kGateway, false, {load}, now_);
    tracker_.SetServing(kFn, any_ready, now_);
    const Decision d = Decide(policy_, tracker_.Windows(kFn, now_), now_);
    tracker_.Record(kFn, d.desired, d.need, now_);
    Follow(d.desired);
  }

  void Follow(uint32_t desired) {
    while (replicas_.size() < desired) {
      replicas_.push_back({now_ + boot_, {}});
      ++started_;
    }
    // Idle replicas go at once; a busy one stays until it is empty.
    for (auto it = replicas_.begin(); it != replicas_.end() && replicas_.size() > desired;) {
      it = it->inside.empty() ? replicas_.erase(it) : std::next(it);
    }
    peak_ = std::max(peak_, replicas_.size());
  }

  const ScalePolicy policy_;
  const Duration service_;
  const Duration boot_;
  LoadTracker tracker_;
  MonotonicTime now_{seconds(1000)};
  MonotonicTime last_activity_{seconds(1000)};
  std::vector<MonotonicTime> queue_;
  std::vector<Replica> replicas_;
  size_t peak_ = 0;
  size_t started_ = 0;
  uint64_t done_ = 0;
  Duration worst_wait_{};
};

ScalePolicy Policy() {
  ScalePolicy p;
  p.start_parallelism = 2;
  p.idle_timeout = seconds(60);
  return p;
}

}  // namespace

TEST_CASE("Simulated: ten one-second calls on a cold function run side by side") {
  Simulator s(Policy(), seconds(1), milliseconds(40));
  s.Arrive(10);
  s.Run(milliseconds(1600));
  CHECK(s.done() == 10);
  CHECK(s.peak() == 10);
}

TEST_CASE("Simulated: a thousand one-millisecond calls start a few replicas") {
  Simulator s(Policy(), milliseconds(1), milliseconds(40));
  s.Arrive(1000);
  s.Run(seconds(1));
  CHECK(s.done() == 1000);
  CHECK(s.peak() <= 16);
}

TEST_CASE("Simulated: a burst of short calls starts no more than the host bears at once") {
  Simulator s(Policy(), milliseconds(2), milliseconds(40));
  s.Arrive(10);
  s.Run(seconds(1));
  CHECK(s.done() == 10);
  CHECK(s.peak() <= 2);
}

TEST_CASE("Simulated: steady load finds its level, stays there, and goes to zero in the end") {
  Simulator s(Policy(), milliseconds(50), milliseconds(40));
  // 100 requests a second of 50 ms keep five replicas busy.
  s.Run(seconds(40), [](int64_t ms) { return ms % 10 == 0 ? 1u : 0u; });
  CHECK(s.live() >= 5);
  CHECK(s.live() <= 10);
  const size_t started = s.started();
  s.Run(seconds(40), [](int64_t ms) { return ms % 10 == 0 ? 1u : 0u; });
  CHECK(s.started() <= started + 2);
  s.Run(seconds(40));
  CHECK(s.live() == 1);
  s.Run(seconds(25));
  CHECK(s.live() == 0);
  CHECK(s.done() == 8000);
}

TEST_CASE("Simulated: load above one replica's ability is met before the queue grows old") {
  Simulator s(Policy(), milliseconds(5), milliseconds(40));
  // 1,000 a second at 5 ms each need five; one carries 200 a second.
  s.Run(seconds(20), [](int64_t) { return 1u; });
  CHECK(s.live() >= 5);
  CHECK(s.worst_wait() < seconds(2));
}
