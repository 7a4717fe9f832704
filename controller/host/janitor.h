#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "core/base/clock.h"

namespace hearth::controller {

// Runs a chore now and then on a thread of its own, where it may take as long as the disk does.
// Destroying it waits for a run that has begun.
class Janitor {
 public:
  explicit Janitor(std::function<void()> chore, Duration period = std::chrono::hours(1));
  ~Janitor();
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

 private:
  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hearth::controller
