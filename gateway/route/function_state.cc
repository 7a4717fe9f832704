#include "gateway/route/function_state.h"

#include <algorithm>

namespace hearth::route {

using balance::Replica;
using balance::ReplicaSet;

Slot& Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    Release();
    replica_ = std::exchange(other.replica_, nullptr);
    state_ = std::exchange(other.state_, nullptr);
    loop_ = other.loop_;
    in_total_ = std::exchange(other.in_total_, false);
    hold_state_ = std::move(other.hold_state_);
    hold_ = std::move(other.hold_);
  }
  return *this;
}

void Slot::Release() {
  if (replica_ == nullptr) return;
  state_->ReleaseSlot(*this);
  replica_ = nullptr;
  state_ = nullptr;
  in_total_ = false;
  hold_.reset();
  hold_state_.reset();
}

Slot SlotWaiter::TakeSlot() {
  if (slot_) {
    slot_.replica_->CountDelivered(loop_index);
    slot_.loop_ = loop_index;
  }
  return std::move(slot_);
}

FunctionState::FunctionState(FunctionKey key, std::shared_ptr<Shared> shared)
    : key_(std::move(key)),
      shared_(std::move(shared)),
      index_(shared_->next_index.fetch_add(1, std::memory_order_relaxed)),
      created_(shared_->clock->Now()),
      replicas_(balance::MakeReplicaSet({}, 0, {})),
      random_(0x9E3779B97F4A7C15ULL * (index_ + 1)) {}

FunctionState::~FunctionState() { delete[] cells_.load(std::memory_order_acquire); }

bool FunctionState::ClaimTotal(const ReplicaSet& set) {
  uint32_t seen = total_.load(std::memory_order_relaxed);
  while (seen < set.max_total_in_flight) {
    if (total_.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

Slot FunctionState::TryClaim(const ReplicaSet& set, uint32_t loop, MonotonicTime now,
                             balance::Random& random) {
  Slot slot;
  if (queued_.load(std::memory_order_relaxed) != 0) return slot;
  const bool limited = set.max_total_in_flight != 0;
  if (limited && !ClaimTotal(set)) return slot;
  const std::shared_ptr<Replica>* replica = balance::Claim(set, loop, now, random);
  if (replica == nullptr) {
    if (limited) total_.fetch_sub(1);
    return slot;
  }
  slot.replica_ = replica->get();
  slot.state_ = this;
  slot.loop_ = loop;
  slot.in_total_ = limited;
  return slot;
}

void FunctionState::ReleaseSlot(Slot& slot) {
  // The decrement comes before the look at `queued_`, and Enqueue's store to `queued_` before its
  // claim, all sequentially consistent: one of the two sides sees the other, so that no waiter
  // stays behind with a slot free.
  slot.replica_->Release(slot.loop_);
  if (slot.in_total_) total_.fetch_sub(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (queued_.load() != 0) Pump(shared_->clock->Now());
}

Admission FunctionState::Enqueue(const std::shared_ptr<SlotWaiter>& waiter, Place place,
                                 const queue::Bounds& bounds, MonotonicTime now) {
  std::vector<std::shared_ptr<queue::Waiter>> granted;
  Admission result = Admission::kQueued;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Admission::kGone;
    if (replicas_->empty()) {
      waiter->cold = true;
      if (!replicas_->unavailable_reason.empty()) {
        waiter->reason = replicas_->unavailable_reason;
        waiter->outcome = queue::Outcome::kUnavailable;
        return Admission::kUnavailable;
      }
    }
    if (place == Place::kBack && !Admit(*waiter, bounds, now, &result)) return result;
    Join(waiter, place);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    PumpLocked(now, &granted);
    if (waiter->outcome == queue::Outcome::kGranted) {
      std::erase(granted, waiter);
      result = Admission::kGranted;
    }
  }
  if (result == Admission::kQueued) Changed(DemandUrgency::kNow);
  NotifyAll(std::move(granted));
  return result;
}

bool FunctionState::Admit(const SlotWaiter& waiter, const queue::Bounds& bounds, MonotonicTime now,
                          Admission* refusal) const {
  // A free slot needs no room in the queue: a bound of zero still serves what fits in the replicas.
  const bool slot_free = queue_.empty() && HasFreeSlot(now);
  if (!slot_free && !queue_.Fits(waiter.bytes, bounds)) {
    *refusal = Admission::kFunctionFull;
    return false;
  }
  const PlatformLimits* limits = shared_->limits;
  if (limits != nullptr && !slot_free &&
      (limits->queued_requests.load(std::memory_order_relaxed) >= limits->max_queued_requests ||
       limits->queued_bytes.load(std::memory_order_relaxed) + waiter.bytes >
           limits->max_queued_bytes)) {
    *refusal = Admission::kPlatformFull;
    return false;
  }
  return true;
}

bool FunctionState::HasFreeSlot(MonotonicTime now) const {
  if (replicas_->max_total_in_flight != 0 &&
      total_.load(std::memory_order_relaxed) >= replicas_->max_total_in_flight) {
    return false;
  }
  for (const auto& revision : replicas_->revisions) {
    for (const auto& replica : revision.replicas) {
      if (!replica->Full() && !replica->IsAside(now)) return true;
    }
  }
  return false;
}

void FunctionState::Join(const std::shared_ptr<SlotWaiter>& waiter, Place place) {
  waiter->outcome = queue::Outcome::kWaiting;
  if (place == Place::kBack) {
    queue_.PushBack(waiter);
  } else {
    queue_.PushFront(waiter);
  }
  queued_.store(static_cast<uint32_t>(queue_.size()));
  if (shared_->limits != nullptr) {
    shared_->limits->queued_requests.fetch_add(1, std::memory_order_relaxed);
    shared_->limits->queued_bytes.fetch_add(waiter->bytes, std::memory_order_relaxed);
  }
}

void FunctionState::LeaveQueue(const queue::Waiter& waiter) {
  queued_.store(static_cast<uint32_t>(queue_.size()));
  if (shared_->limits != nullptr) {
    shared_->limits->queued_requests.fetch_sub(1, std::memory_order_relaxed);
    shared_->limits->queued_bytes.fetch_sub(waiter.bytes, std::memory_order_relaxed);
  }
}

void FunctionState::Cancel(SlotWaiter& waiter) {
  Slot unused;  // freed after the lock, because freeing may serve the queue
  {
    const std::lock_guard lock(mutex_);
    if (queue_.Remove(waiter)) LeaveQueue(waiter);
    unused = std::move(waiter.slot_);
    waiter.outcome = queue::Outcome::kCancelled;
  }
  Changed(DemandUrgency::kRoutine);
}

void FunctionState::PumpLocked(MonotonicTime now,
                               std::vector<std::shared_ptr<queue::Waiter>>* granted) {
  const bool limited = replicas_->max_total_in_flight != 0;
  while (!queue_.empty()) {
    if (limited && !ClaimTotal(*replicas_)) return;
    const std::shared_ptr<Replica>* replica =
        balance::Claim(*replicas_, balance::kNoLoop, now, random_);
    if (replica == nullptr) {
      if (limited) total_.fetch_sub(1);
      return;
    }
    auto waiter = std::static_pointer_cast<SlotWaiter>(queue_.PopFront());
    LeaveQueue(*waiter);
    waiter->slot_.replica_ = replica->get();
    waiter->slot_.hold_ = *replica;
    waiter->slot_.state_ = this;
    waiter->slot_.hold_state_ = shared_from_this();
    waiter->slot_.in_total_ = limited;
    waiter->outcome = queue::Outcome::kGranted;
    granted->push_back(std::move(waiter));
  }
}

void FunctionState::Pump(MonotonicTime now) {
  std::vector<std::shared_ptr<queue::Waiter>> granted;
  {
    const std::lock_guard lock(mutex_);
    PumpLocked(now, &granted);
  }
  if (!granted.empty()) Changed(DemandUrgency::kRoutine);
  NotifyAll(std::move(granted));
}

void FunctionState::NotifyAll(std::vector<std::shared_ptr<queue::Waiter>> waiters) {
  for (auto& waiter : waiters) {
    queue::Waiter& target = *waiter;
    target.Notify(std::move(waiter));
  }
}

void FunctionState::SetReplicas(std::shared_ptr<const ReplicaSet> set, MonotonicTime now) {
  std::vector<std::shared_ptr<queue::Waiter>> told;
  {
    const std::lock_guard lock(mutex_);
    replicas_ = std::move(set);
    PumpLocked(now, &told);
    if (replicas_->empty() && !replicas_->unavailable_reason.empty()) {
      while (auto waiter = queue_.PopFront()) {
        LeaveQueue(*waiter);
        static_cast<SlotWaiter&>(*waiter).reason = replicas_->unavailable_reason;
        waiter->outcome = queue::Outcome::kUnavailable;
        told.push_back(std::move(waiter));
      }
    }
  }
  NotifyAll(std::move(told));
}

std::shared_ptr<const ReplicaSet> FunctionState::replicas() const {
  const std::lock_guard lock(mutex_);
  return replicas_;
}

void FunctionState::Close() {
  std::vector<std::shared_ptr<queue::Waiter>> told;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    replicas_ = balance::MakeReplicaSet({}, 0, {});
    while (auto waiter = queue_.PopFront()) {
      LeaveQueue(*waiter);
      waiter->outcome = queue::Outcome::kGone;
      told.push_back(std::move(waiter));
    }
  }
  NotifyAll(std::move(told));
}

std::shared_ptr<Replica> FunctionState::ReplicaFor(const ReplicaId& id, const std::string& address,
                                                   const std::string& token, uint32_t capacity) {
  const std::lock_guard lock(mutex_);
  const uint64_t id_hash = std::hash<ReplicaId>()(id);
  Known* place = nullptr;
  for (Known& known : known_) {
    if (known.id_hash != id_hash) {
      if (known.replica.expired()) place = &known;
      continue;
    }
    const std::shared_ptr<Replica> replica = known.replica.lock();
    if (replica != nullptr && replica->id() != id) continue;
    if (replica != nullptr && replica->address() == address && replica->token() == token &&
        replica->capacity() == capacity) {
      return replica;
    }
    place = &known;
    break;
  }
  auto replica = std::make_shared<Replica>(id, address, token, capacity, shared_->loop_count);
  if (place == nullptr) place = &known_.emplace_back();
  *place = Known{id_hash, replica};
  return replica;
}

}  // namespace hearth::route
