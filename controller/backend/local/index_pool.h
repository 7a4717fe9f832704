#pragma once

#include <mutex>
#include <set>

namespace hearth::controller {

// Small numbers that one replica has at a time: its user, its addresses. A number that was given
// back is used again as late as possible. Thread-safe.
class IndexPool {
 public:
  explicit IndexPool(int size) : size_(size) {}

  int Take() {  // -1: all are taken
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < size_; ++i) {
      const int index = (next_ + i) % size_;
      if (!used_.insert(index).second) continue;
      next_ = index + 1;
      return index;
    }
    return -1;
  }
  void Adopt(int index) {
    const std::lock_guard lock(mutex_);
    if (index >= 0) used_.insert(index);
  }
  void Release(int index) {
    const std::lock_guard lock(mutex_);
    used_.erase(index);
  }
  std::set<int> used() const {
    const std::lock_guard lock(mutex_);
    return used_;
  }

 private:
  const int size_;
  mutable std::mutex mutex_;  // guards used_ and next_
  std::set<int> used_;
  int next_ = 0;
};

}  // namespace hearth::controller
