#pragma once

#include <cstdint>
#include <memory>

#include "core/base/clock.h"

namespace hearth::queue {

// What became of a waiting request.
enum class Outcome : uint8_t {
  kWaiting,
  kGranted,      // a slot is held in its name
  kUnavailable,  // no revision can serve; the reason is the function's
  kGone,         // the function was deleted
  kCancelled,    // its owner no longer wants it
};

// One request that waits for a slot. It exists so that any thread that frees a slot can hand it
// over while the waiter's own thread may be giving up at the same moment: the queue's lock decides
// who is first, and whoever loses finds the outcome set. Shared between its owner's loop and the
// queue.
class Waiter {
 public:
  virtual ~Waiter() = default;

  // Called once, without the queue's lock, by whichever thread decided the outcome (granted,
  // unavailable or gone; never for a cancellation or for an outcome that Enqueue itself returned).
  virtual void Notify(std::shared_ptr<Waiter> self) = 0;

  uint64_t bytes = 0;       // memory it holds, for the queue's bound
  MonotonicTime since{};    // when the request first asked for a slot; kept when it is put back
  uint32_t loop_index = 0;  // of its owner
  Outcome outcome = Outcome::kWaiting;  // guarded by the queue's lock until Notify

 private:
  friend class WaitQueue;
  std::shared_ptr<Waiter> self_;  // the queue's reference while linked
  Waiter* prev_ = nullptr;
  Waiter* next_ = nullptr;
};

}  // namespace hearth::queue
