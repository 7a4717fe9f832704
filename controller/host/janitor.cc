#include "controller/host/janitor.h"

#include <utility>

namespace hearth::controller {

Janitor::Janitor(std::function<void()> chore, Duration period)
    : thread_([this, chore = std::move(chore), period] {
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, period, [this] { return stopping_; })) {
          lock.unlock();
          chore();
          lock.lock();
        }
      }) {}

Janitor::~Janitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace hearth::controller
