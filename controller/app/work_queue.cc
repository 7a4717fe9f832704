#include "controller/app/work_queue.h"

namespace hearth::controller {

void WorkQueue::Add(const FunctionKey& key, MonotonicTime when) {
  const auto [it, added] = when_.emplace(key, when);
  if (!added) {
    if (it->second <= when) return;
    order_.erase({it->second, key});
    it->second = when;
  }
  order_.emplace(when, key);
}

std::optional<FunctionKey> WorkQueue::PopDue(MonotonicTime now) {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  FunctionKey key = order_.begin()->second;
  Remove(key);
  return key;
}

std::optional<MonotonicTime> WorkQueue::NextDue() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

void WorkQueue::Remove(const FunctionKey& key) {
  const auto it = when_.find(key);
  if (it == when_.end()) return;
  order_.erase({it->second, key});
  when_.erase(it);
}

}  // namespace hearth::controller
