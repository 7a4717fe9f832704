#include "gateway/accesslog/ring.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hearth::accesslog {

Ring::Ring(size_t capacity)
    : capacity_(std::bit_ceil(std::max<size_t>(capacity, 16 * 1024))),
      bytes_(std::make_unique<char[]>(capacity_)) {}

bool Ring::half_full() const {
  return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed) >
         capacity_ / 2;
}

bool Ring::Push(std::string_view line) {
  const uint64_t head = head_.load(std::memory_order_relaxed);
  if (head + line.size() - tail_seen_ > capacity_) {
    // The consumer's place is looked up only when the ring may be full: it is the one cache line
    // that both write to.
    tail_seen_ = tail_.load(std::memory_order_acquire);
    if (head + line.size() - tail_seen_ > capacity_) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
  }
  const size_t at = head & (capacity_ - 1);
  const size_t first = std::min(line.size(), capacity_ - at);
  std::memcpy(bytes_.get() + at, line.data(), first);
  if (first < line.size()) std::memcpy(bytes_.get(), line.data() + first, line.size() - first);
  head_.store(head + line.size(), std::memory_order_release);
  return true;
}

Ring::Lines Ring::Readable() const {
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  const auto size = static_cast<size_t>(head_.load(std::memory_order_acquire) - tail);
  const size_t at = tail & (capacity_ - 1);
  const size_t first = std::min(size, capacity_ - at);
  return {{bytes_.get() + at, first}, {bytes_.get(), size - first}};
}

void Ring::Consume(const Lines& lines) {
  tail_.store(tail_.load(std::memory_order_relaxed) + lines.first.size() + lines.second.size(),
              std::memory_order_release);
}

}  // namespace hearth::accesslog
