// FunctionState's account of what is wanted: counters of each loop, and the report made of them.
#include <algorithm>
#include <cmath>

#include "gateway/route/function_state.h"

namespace hearth::route {

FunctionState::Cell& FunctionState::CellOf(uint32_t loop) {
  Cell* cells = cells_.load(std::memory_order_acquire);
  if (cells == nullptr) {
    auto* made = new Cell[shared_->loop_count];
    if (cells_.compare_exchange_strong(cells, made)) {
      cells = made;
    } else {
      delete[] made;
    }
  }
  return cells[loop];
}

void FunctionState::OnArrival(uint32_t loop, MonotonicTime now) {
  Cell& cell = CellOf(loop);
  cell.last_activity.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  Changed(DemandUrgency::kRoutine);
}

void FunctionState::OnCompleted(uint32_t loop, MonotonicTime now, Duration inside) {
  Cell& cell = CellOf(loop);
  const auto relaxed = std::memory_order_relaxed;
  cell.inside_ns.store(cell.inside_ns.load(relaxed) + inside.count(), relaxed);
  cell.last_activity.store(now.time_since_epoch().count(), relaxed);
  cell.completed.store(cell.completed.load(relaxed) + 1, std::memory_order_release);
  Changed(DemandUrgency::kRoutine);
}

void FunctionState::Changed(DemandUrgency urgency) {
  if (shared_->demand == nullptr) return;
  std::atomic<bool>& due = urgency == DemandUrgency::kNow ? urgent_due_ : routine_due_;
  if (due.load(std::memory_order_relaxed) || due.exchange(true)) return;
  shared_->demand->OnDemand(shared_from_this(), urgency);
}

DemandSample FunctionState::Sample(MonotonicTime now) {
  // The flags fall before the counters are read: a change after that raises them again.
  routine_due_.store(false);
  urgent_due_.store(false);

  DemandSample sample;
  sample.key = key_;
  int64_t inside_ns = 0;
  int64_t last = INT64_MIN;
  if (const Cell* cells = cells_.load(std::memory_order_acquire); cells != nullptr) {
    for (uint32_t i = 0; i < shared_->loop_count; ++i) {
      sample.completed += cells[i].completed.load(std::memory_order_acquire);
      inside_ns += cells[i].inside_ns.load(std::memory_order_relaxed);
      last = std::max(last, cells[i].last_activity.load(std::memory_order_relaxed));
    }
  }
  const std::lock_guard lock(mutex_);
  sample.queued = static_cast<uint32_t>(queue_.size());
  if (const auto oldest = queue_.OldestSince()) sample.oldest_queued = now - *oldest;
  std::erase_if(known_, [&sample](const Known& known) {
    const std::shared_ptr<balance::Replica> replica = known.replica.lock();
    if (replica == nullptr) return true;
    const uint32_t inside = replica->InFlight();
    sample.in_flight += inside;
    sample.replicas.emplace_back(replica->id(), inside);
    return false;
  });

  const uint64_t finished = sample.completed - sampled_completed_;
  if (finished > 0) {
    const double mean =
        static_cast<double>(inside_ns - sampled_inside_ns_) / static_cast<double>(finished) / 1e6;
    // Each finished request moves the average by a twentieth of the difference, many at once more.
    const double old = service_time_ms_.load(std::memory_order_relaxed);
    const double keep = std::pow(0.95, static_cast<double>(std::min<uint64_t>(finished, 1000)));
    service_time_ms_.store(old == 0 ? mean : keep * old + (1 - keep) * mean,
                           std::memory_order_relaxed);
    sampled_completed_ = sample.completed;
    sampled_inside_ns_ = inside_ns;
  }
  sample.service_time_ms = service_time_ms_.load(std::memory_order_relaxed);
  if (sample.queued == 0 && sample.in_flight == 0 && last != INT64_MIN) {
    sample.since_activity = std::max(Duration::zero(), now - MonotonicTime(Duration(last)));
  } else if (last == INT64_MIN) {
    sample.since_activity = now - created_;
  }
  return sample;
}

Duration FunctionState::OldestWait(MonotonicTime now) const {
  if (queued() == 0) return Duration::zero();
  const std::lock_guard lock(mutex_);
  const auto oldest = queue_.OldestSince();
  return oldest ? now - *oldest : Duration::zero();
}

uint32_t FunctionState::RetryAfter(const balance::ReplicaSet& set) const {
  return queue::RetryAfterSeconds(queued() + 1u, service_time_ms(), set.Parallel());
}

}  // namespace hearth::route
