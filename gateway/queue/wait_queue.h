#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/clock.h"
#include "gateway/queue/waiter.h"

namespace hearth::queue {

struct Bounds {
  uint32_t requests = 1000;
  uint64_t bytes = 64ull << 20;
};

// First in, first out, bounded by count and bytes. Linking and unlinking are O(1). No lock of its
// own: its owner (route::FunctionState) guards it. Age is each waiter's own timer.
class WaitQueue {
 public:
  WaitQueue() = default;
  ~WaitQueue();
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  bool Fits(uint64_t bytes, const Bounds& bounds) const;
  void PushBack(std::shared_ptr<Waiter> waiter);
  // For a request that had a slot and was not started: the bounds do not apply to it again.
  void PushFront(std::shared_ptr<Waiter> waiter);
  std::shared_ptr<Waiter> PopFront();  // nullptr when empty
  bool Remove(Waiter& waiter);         // false when it is not linked here
  const Waiter* front() const { return head_; }

  size_t size() const { return size_; }
  uint64_t bytes() const { return bytes_; }
  bool empty() const { return size_ == 0; }
  // The oldest request's time, which is not always the head's; O(n), for sampling only.
  std::optional<MonotonicTime> OldestSince() const;

 private:
  void Unlink(Waiter& waiter);

  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
  size_t size_ = 0;
  uint64_t bytes_ = 0;
};

// Seconds after which a refused caller may expect room: the time the queue needs to empty, between
// one second and a minute. `parallel` is how many requests are served at once.
uint32_t RetryAfterSeconds(size_t queued, double service_time_ms, uint32_t parallel);

}  // namespace hearth::queue
