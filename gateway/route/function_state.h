#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "gateway/balance/picker.h"
#include "gateway/balance/replica_set.h"
#include "gateway/queue/wait_queue.h"

namespace hearth::route {

class FunctionState;

// One request's right to be inside a replica. Move-only; destroying it frees the slot and hands it
// to the head of the queue, whichever way the request ended. Belongs to the loop that claimed it.
class Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept { *this = std::move(other); }
  Slot& operator=(Slot&& other) noexcept;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { Release(); }

  explicit operator bool() const { return replica_ != nullptr; }
  balance::Replica* replica() const { return replica_; }
  void Release();

 private:
  friend class FunctionState;
  friend class SlotWaiter;
  balance::Replica* replica_ = nullptr;
  FunctionState* state_ = nullptr;
  uint32_t loop_ = balance::kNoLoop;
  bool in_total_ = false;  // counted against the function's own limit
  std::shared_ptr<FunctionState> hold_state_;
  std::shared_ptr<balance::Replica> hold_;  // where no route snapshot of the loop keeps it alive
};

// A waiter that receives a Slot. The outcome and the slot are set before Notify.
class SlotWaiter : public queue::Waiter {
 public:
  // On the owner's loop (`loop_index`), once: takes the granted slot and counts it there.
  Slot TakeSlot();
  std::string reason;  // for kUnavailable
  bool cold = false;   // no replica was ready when it began to wait

 private:
  friend class FunctionState;
  Slot slot_;
};

// What a gateway reports about one function (proto Demand).
struct DemandSample {
  FunctionKey key;
  uint32_t queued = 0;
  Duration oldest_queued{};
  uint32_t in_flight = 0;
  double service_time_ms = 0;  // moving average; 0: unknown
  uint64_t completed = 0;
  Duration since_activity{};  // 0 while any request is inside or waiting
  std::vector<std::pair<ReplicaId, uint32_t>> replicas;
};

enum class DemandUrgency : uint8_t {
  kRoutine,  // counts changed: a report within some tens of milliseconds will do
  kNow,      // a request waits for a slot or a replica
};

// Told that a function's demand changed; then reads it with Sample. Called from any loop, once
// until the next Sample for each urgency: must not block.
class DemandObserver {
 public:
  virtual ~DemandObserver() = default;
  virtual void OnDemand(const std::shared_ptr<FunctionState>& state, DemandUrgency urgency) = 0;
};

// Bounds over all functions of this gateway, touched only when a request has to wait.
struct PlatformLimits {
  uint32_t max_queued_requests = 20000;
  uint64_t max_queued_bytes = 256ull << 20;
  std::atomic<uint32_t> queued_requests{0};
  std::atomic<uint64_t> queued_bytes{0};
};

enum class Admission : uint8_t {
  kGranted,  // the waiter holds a slot already
  kQueued,
  kFunctionFull,  // past the function's own bound: 429
  kPlatformFull,  // past the platform's: 503
  kUnavailable,   // nothing can serve, for SlotWaiter::reason: 503
  kGone,          // the function was deleted: 404
};

// What lives on of one function from snapshot to snapshot, shared by all loops: its queue, the
// counters of what is inside, its demand. The lock is taken only when a request waits, or when a
// slot is freed while one waits.
class FunctionState : public std::enable_shared_from_this<FunctionState> {
 public:
  struct Shared {  // of one gateway; what it points to outlives every loop
    const Clock* clock = nullptr;
    uint32_t loop_count = 1;
    DemandObserver* demand = nullptr;  // may be null
    PlatformLimits* limits = nullptr;  // may be null
    std::atomic<uint32_t> next_index{0};
  };

  FunctionState(FunctionKey key, std::shared_ptr<Shared> shared);
  ~FunctionState();

  const FunctionKey& key() const { return key_; }
  uint32_t index() const { return index_; }  // dense-ish number for metric slabs; never reused

  // Fast path: claims a free slot by the loop's own snapshot. Empty when nothing is free or others
  // wait already (first come, first served): then Enqueue.
  Slot TryClaim(const balance::ReplicaSet& set, uint32_t loop, MonotonicTime now,
                balance::Random& random);

  // Fast path of a refusal: a look without the lock at whether Enqueue can only answer
  // kFunctionFull.
  bool QueueIsFull(const queue::Bounds& bounds) const {
    const uint32_t waiting = queued_.load(std::memory_order_relaxed);
    return waiting != 0 && waiting >= bounds.requests;
  }

  enum class Place : uint8_t { kBack, kFront };
  // kFront: the request had a slot and was not started; bounds do not apply again.
  Admission Enqueue(const std::shared_ptr<SlotWaiter>& waiter, Place place,
                    const queue::Bounds& bounds, MonotonicTime now);
  // The owner gives up. Afterwards it will not be notified, unless that is under way already; a
  // slot granted meanwhile is freed with the waiter.
  void Cancel(SlotWaiter& waiter);
  // Serves the head of the queue while slots are free: after a set-aside has ended.
  void Pump(MonotonicTime now);

  // A request arrived / left a replica. Owner loop only; no shared cache line but the demand flag.
  void OnArrival(uint32_t loop, MonotonicTime now);
  void OnCompleted(uint32_t loop, MonotonicTime now, Duration inside);

  // Takes effect for the queue at once; the loops follow with their next snapshot.
  void SetReplicas(std::shared_ptr<const balance::ReplicaSet> set, MonotonicTime now);
  std::shared_ptr<const balance::ReplicaSet> replicas() const;
  // The function was deleted: everybody who waits is told.
  void Close();
  // The replica of that id if it is known with the same properties, else a new one. Called by the
  // one thread that builds route tables.
  std::shared_ptr<balance::Replica> ReplicaFor(const ReplicaId& id, const std::string& address,
                                               const std::string& token, uint32_t capacity);

  DemandSample Sample(MonotonicTime now);
  uint32_t queued() const { return queued_.load(std::memory_order_relaxed); }
  Duration OldestWait(MonotonicTime now) const;  // of the requests that wait; zero: none does
  double service_time_ms() const { return service_time_ms_.load(std::memory_order_relaxed); }
  // Seconds until a refused caller may expect room.
  uint32_t RetryAfter(const balance::ReplicaSet& set) const;

 private:
  friend class Slot;
  struct alignas(64) Cell {  // one a loop, written by it only
    std::atomic<uint64_t> completed{0};
    std::atomic<int64_t> inside_ns{0};
    std::atomic<int64_t> last_activity{0};
  };
  bool Admit(const SlotWaiter& waiter, const queue::Bounds& bounds, MonotonicTime now,
             Admission* refusal) const;
  bool HasFreeSlot(MonotonicTime now) const;
  void Join(const std::shared_ptr<SlotWaiter>& waiter, Place place);
  bool ClaimTotal(const balance::ReplicaSet& set);
  void ReleaseSlot(Slot& slot);
  Cell& CellOf(uint32_t loop);
  void Changed(DemandUrgency urgency);
  // Under the lock; what it grants to others is appended to `granted`.
  void PumpLocked(MonotonicTime now, std::vector<std::shared_ptr<queue::Waiter>>* granted);
  void LeaveQueue(const queue::Waiter& waiter);
  static void NotifyAll(std::vector<std::shared_ptr<queue::Waiter>> waiters);

  const FunctionKey key_;
  const std::shared_ptr<Shared> shared_;
  const uint32_t index_;
  const MonotonicTime created_;

  alignas(64) std::atomic<uint32_t> queued_{0};  // read by every claim and release, seldom written
  std::atomic<bool> routine_due_{false};
  std::atomic<bool> urgent_due_{false};
  std::atomic<Cell*> cells_{nullptr};  // made at the first request
  std::atomic<double> service_time_ms_{0};
  // Only where the function has a limit of its own: every claim writes it there, so that it may as
  // well share the line that every claim reads.
  std::atomic<uint32_t> total_{0};

  mutable std::mutex mutex_;  // guards what follows
  queue::WaitQueue queue_;
  std::shared_ptr<const balance::ReplicaSet> replicas_;
  balance::Random random_;
  bool closed_ = false;
  uint64_t sampled_completed_ = 0;
  int64_t sampled_inside_ns_ = 0;
  // Every replica that is routed to or still has a request inside.
  struct Known {
    uint64_t id_hash = 0;
    std::weak_ptr<balance::Replica> replica;
  };
  std::vector<Known> known_;
};

}  // namespace hearth::route
