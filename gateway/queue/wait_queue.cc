#include "gateway/queue/wait_queue.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hearth::queue {

WaitQueue::~WaitQueue() {
  while (PopFront() != nullptr) {
  }
}

bool WaitQueue::Fits(uint64_t bytes, const Bounds& bounds) const {
  return size_ < bounds.requests && bytes <= bounds.bytes && bytes_ <= bounds.bytes - bytes;
}

void WaitQueue::PushBack(std::shared_ptr<Waiter> waiter) {
  Waiter& w = *waiter;
  w.self_ = std::move(waiter);
  w.prev_ = tail_;
  w.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &w;
  tail_ = &w;
  ++size_;
  bytes_ += w.bytes;
}

void WaitQueue::PushFront(std::shared_ptr<Waiter> waiter) {
  Waiter& w = *waiter;
  w.self_ = std::move(waiter);
  w.prev_ = nullptr;
  w.next_ = head_;
  (head_ != nullptr ? head_->prev_ : tail_) = &w;
  head_ = &w;
  ++size_;
  bytes_ += w.bytes;
}

std::shared_ptr<Waiter> WaitQueue::PopFront() {
  if (head_ == nullptr) return nullptr;
  Waiter& w = *head_;
  std::shared_ptr<Waiter> result = std::move(w.self_);
  Unlink(w);
  return result;
}

bool WaitQueue::Remove(Waiter& waiter) {
  if (waiter.self_ == nullptr) return false;
  const std::shared_ptr<Waiter> hold = std::move(waiter.self_);
  Unlink(waiter);
  return true;
}

void WaitQueue::Unlink(Waiter& waiter) {
  (waiter.prev_ != nullptr ? waiter.prev_->next_ : head_) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->prev_ : tail_) = waiter.prev_;
  waiter.prev_ = waiter.next_ = nullptr;
  waiter.self_ = nullptr;
  --size_;
  bytes_ -= waiter.bytes;
}

std::optional<MonotonicTime> WaitQueue::OldestSince() const {
  if (head_ == nullptr) return std::nullopt;
  MonotonicTime oldest = head_->since;
  for (const Waiter* w = head_->next_; w != nullptr; w = w->next_) {
    oldest = std::min(oldest, w->since);
  }
  return oldest;
}

uint32_t RetryAfterSeconds(size_t queued, double service_time_ms, uint32_t parallel) {
  const double lanes = parallel == 0 ? 1.0 : static_cast<double>(parallel);
  const double seconds = static_cast<double>(queued) * service_time_ms / lanes / 1000.0;
  return static_cast<uint32_t>(std::clamp(std::ceil(seconds), 1.0, 60.0));
}

}  // namespace hearth::queue
