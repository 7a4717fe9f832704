#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::balance {

// For a claim made in another loop's name (by whoever freed a slot): a replica without a limit is
// then counted by the loop that receives the slot, with CountDelivered.
inline constexpr uint32_t kNoLoop = UINT32_MAX;

// What the gateway knows at run time of one replica: how much is inside, and whether it is set
// aside. Shared by all loops and by every route snapshot that names the replica, so that counts
// survive an update. Its limit is exact: a slot is one compare-and-swap on `claimed`. A replica
// without a limit has no shared counter; each loop counts in its own cache line.
class Replica {
 public:
  Replica(ReplicaId id, std::string address, std::string token, uint32_t capacity,
          uint32_t loop_count)
      : id_(std::move(id)),
        address_(std::move(address)),
        token_(std::move(token)),
        capacity_(capacity),
        serial_(NextSerial()),
        loop_count_(loop_count) {}
  ~Replica() { delete[] cells_.load(std::memory_order_acquire); }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  const ReplicaId& id() const { return id_; }
  const std::string& address() const { return address_; }
  const std::string& token() const { return token_; }
  uint32_t capacity() const { return capacity_; }  // 0: no limit
  uint64_t serial() const { return serial_; }      // never used twice in one process

  // Takes one slot; false when full. `loop` is the caller's own, or kNoLoop.
  bool TryClaim(uint32_t loop);
  void CountDelivered(uint32_t loop) {
    if (capacity_ == 0) TryClaim(loop);
  }
  void Release(uint32_t loop);  // the loop that claimed, or to which it was delivered

  // What the picker compares: all requests inside where there is a limit, else those of this loop.
  uint32_t Load(uint32_t loop) const {
    if (capacity_ != 0) return claimed_.load(std::memory_order_relaxed);
    if (loop == kNoLoop) return InFlight();
    const Cell* cells = cells_.load(std::memory_order_acquire);
    return cells == nullptr ? 0 : cells[loop].in_flight.load(std::memory_order_relaxed);
  }
  uint32_t InFlight() const;  // over all loops
  bool Full() const {
    return capacity_ != 0 && claimed_.load(std::memory_order_relaxed) >= capacity_;
  }

  // Set aside until then: it failed to connect, or said that it is full. The picker passes it over.
  void SetAside(MonotonicTime until) {
    aside_until_.store(until.time_since_epoch().count(), std::memory_order_release);
  }
  void ClearAside() {
    if (aside_until_.load(std::memory_order_relaxed) != 0) {
      aside_until_.store(0, std::memory_order_release);
    }
    if (failures_.load(std::memory_order_relaxed) != 0) {
      failures_.store(0, std::memory_order_relaxed);
    }
  }
  bool IsAside(MonotonicTime now) const {
    const int64_t until = aside_until_.load(std::memory_order_relaxed);
    return until != 0 && now.time_since_epoch().count() < until;
  }
  Duration AsideLeft(MonotonicTime now) const {  // of one that is set aside
    return Duration(aside_until_.load(std::memory_order_relaxed)) - now.time_since_epoch();
  }
  uint32_t failures() const { return failures_.load(std::memory_order_relaxed); }
  // Consecutive failures, counted up by one; the length of the next set-aside follows from it.
  uint32_t CountFailure() { return failures_.fetch_add(1, std::memory_order_relaxed) + 1; }

 private:
  struct alignas(64) Cell {
    std::atomic<uint32_t> in_flight{0};  // written by its loop only
  };
  static uint64_t NextSerial();
  Cell& CellOf(uint32_t loop) {
    Cell* cells = cells_.load(std::memory_order_acquire);
    return cells == nullptr ? MakeCells()[loop] : cells[loop];
  }
  Cell* MakeCells();

  const ReplicaId id_;
  const std::string address_;
  const std::string token_;
  const uint32_t capacity_;
  const uint64_t serial_;
  const uint32_t loop_count_;
  alignas(64) std::atomic<uint32_t> claimed_{0};
  std::atomic<uint32_t> failures_{0};
  std::atomic<int64_t> aside_until_{0};
  std::atomic<Cell*> cells_{nullptr};  // made at the first request, and only without a limit
};

inline bool Replica::TryClaim(uint32_t loop) {
  if (capacity_ == 0) {
    if (loop == kNoLoop) return true;
    std::atomic<uint32_t>& mine = CellOf(loop).in_flight;
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return true;
  }
  uint32_t seen = claimed_.load(std::memory_order_relaxed);
  while (seen < capacity_) {
    if (claimed_.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

inline void Replica::Release(uint32_t loop) {
  if (capacity_ == 0) {
    if (loop == kNoLoop) return;
    std::atomic<uint32_t>& mine = CellOf(loop).in_flight;
    mine.store(mine.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    return;
  }
  claimed_.fetch_sub(1);  // sequentially consistent: see FunctionState::Release
}

inline uint32_t Replica::InFlight() const {
  if (capacity_ != 0) return claimed_.load(std::memory_order_relaxed);
  const Cell* cells = cells_.load(std::memory_order_acquire);
  if (cells == nullptr) return 0;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < loop_count_; ++i) {
    sum += cells[i].in_flight.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace hearth::balance
