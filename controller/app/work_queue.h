#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

// Which functions are to be looked at, and when: each at most once, at the earliest of the times
// asked for. Takes the time as an argument. No lock: its owner has one.
class WorkQueue {
 public:
  void Add(const FunctionKey& key, MonotonicTime when);
  // The one that has been due longest, removed from the queue.
  std::optional<FunctionKey> PopDue(MonotonicTime now);
  std::optional<MonotonicTime> NextDue() const;
  void Remove(const FunctionKey& key);
  size_t size() const { return when_.size(); }

 private:
  std::map<FunctionKey, MonotonicTime> when_;
  std::set<std::pair<MonotonicTime, FunctionKey>> order_;
};

}  // namespace hearth::controller
