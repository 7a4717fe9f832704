#include "gateway/fleet/demand_schedule.h"

#include <algorithm>

namespace hearth::fleet {

void DemandSchedule::Need(MonotonicTime when) { due_ = due_ ? std::min(*due_, when) : when; }

void DemandSchedule::OnChange(uint32_t function, Urgency urgency, MonotonicTime now) {
  changed_.insert(function);
  if (urgency == Urgency::kNow && !waiting_.contains(function)) {
    Need(now);
    return;
  }
  const Duration interval = urgency == Urgency::kNow ? intervals_.urgent : intervals_.routine;
  Need(last_report_ ? std::max(now, *last_report_ + interval) : now);
}

std::optional<MonotonicTime> DemandSchedule::Due() const {
  if (!connected_) return std::nullopt;
  if (full_) return MonotonicTime{};
  const std::optional<MonotonicTime> beat = NextBeat();
  if (!due_ || !beat) return due_ ? due_ : beat;
  return std::min(*due_, *beat);
}

std::optional<MonotonicTime> DemandSchedule::NextBeat() const {
  if (active_.empty() || !last_beat_) return std::nullopt;
  return *last_beat_ + intervals_.heartbeat;
}

std::optional<DemandSchedule::Batch> DemandSchedule::Take(MonotonicTime now) {
  const std::optional<MonotonicTime> due = Due();
  if (!due || *due > now) return std::nullopt;
  const std::optional<MonotonicTime> beat = NextBeat();
  Batch batch;
  batch.full = full_;
  if (full_ || (beat && *beat <= now)) {
    changed_.insert(active_.begin(), active_.end());
    last_beat_ = now;
  }
  if (full_) {
    waiting_.clear();
    active_.clear();
  } else {
    batch.functions.assign(changed_.begin(), changed_.end());
    std::sort(batch.functions.begin(), batch.functions.end());
  }
  changed_.clear();
  due_.reset();
  full_ = false;
  last_report_ = now;
  return batch;
}

void DemandSchedule::OnReported(uint32_t function, bool waiting, bool active) {
  if (waiting) {
    waiting_.insert(function);
  } else {
    waiting_.erase(function);
  }
  if (active || waiting) {
    active_.insert(function);
  } else {
    active_.erase(function);
  }
}

void DemandSchedule::Forget(uint32_t function) {
  changed_.erase(function);
  waiting_.erase(function);
  active_.erase(function);
}

}  // namespace hearth::fleet
