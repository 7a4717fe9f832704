#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "core/base/clock.h"
#include "core/net/address.h"
#include "core/net/buffer.h"
#include "core/net/stream.h"

namespace hearth::net {

// A timer embedded in its owner: arming, re-arming and cancelling never allocate. Belongs to one
// loop; destroying an armed timer cancels it. Resolution 1 ms, never early.
class Loop;
class Timer {
 public:
  Timer() = default;
  explicit Timer(std::function<void()> on_fire) : on_fire_(std::move(on_fire)) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void SetCallback(std::function<void()> on_fire) { on_fire_ = std::move(on_fire); }
  bool armed() const { return loop_ != nullptr; }
  void Cancel();

 private:
  friend class TimerWheel;
  friend class Loop;
  std::function<void()> on_fire_;
  MonotonicTime deadline_{};
  Loop* loop_ = nullptr;
  Timer* prev_ = nullptr;
  Timer* next_ = nullptr;
  uint16_t slot_ = 0;          // of the wheel
  bool* destroyed_ = nullptr;  // told while the callback runs
};

// Accepts connections until destroyed. Belongs to its loop's thread.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual Address address() const = 0;  // with the port the kernel chose where 0 was asked for
  virtual void Pause() = 0;             // stops accepting; the backlog stays
  virtual void Resume() = 0;
  // Accepts whatever waits in the backlog at this moment, paused or not: before a close that would
  // reset it. The callback must not destroy this.
  virtual void TakeWaiting() {}
  virtual int fd() const { return -1; }
};

struct ListenOptions {
  bool reuse_port = false;  // several loops share one port
  int backlog = 4096;
  unsigned unix_mode = 0600;  // permissions of a Unix socket's file
};

// A connect attempt under way; destroying it cancels. The callback is then never called.
class PendingConnect {
 public:
  virtual ~PendingConnect() = default;
};

// One thread's event loop: sockets, timers, and tasks from other threads. The narrow waist between
// all protocol code and the kernel, so that tests run it on memory and a fake clock (MemoryLoop)
// and another kernel interface can replace epoll. All methods but Post and Stop belong to its
// thread.
class Loop {
 public:
  using AcceptCallback = std::function<void(std::unique_ptr<Stream>)>;
  using ConnectCallback = std::function<void(absl::StatusOr<std::unique_ptr<Stream>>)>;

  virtual ~Loop() = default;

  // The time at the start of this turn of the loop: cheap, and the same for one batch of events.
  virtual MonotonicTime Now() const = 0;
  virtual const Clock& clock() const = 0;

  virtual absl::StatusOr<std::unique_ptr<Listener>> Listen(const Address& address,
                                                           const ListenOptions& options,
                                                           AcceptCallback on_accept) = 0;
  // Fails with DeadlineExceeded after `timeout`, Unavailable where nobody listens. Never calls back
  // before it has returned. The callback may destroy the PendingConnect.
  virtual std::unique_ptr<PendingConnect> Connect(const Address& address, Duration timeout,
                                                  ConnectCallback on_done) = 0;
  // Takes over a descriptor (pipe, socketpair, accepted socket), which becomes non-blocking.
  virtual std::unique_ptr<Stream> Adopt(int fd) = 0;

  virtual void Arm(Timer& timer, MonotonicTime deadline) = 0;  // re-arms when already armed
  void ArmAfter(Timer& timer, Duration delay) { Arm(timer, Now() + delay); }

  // Runs `task` on the loop's thread, in order. Thread-safe.
  virtual void Post(std::function<void()> task) = 0;
  // Runs `task` at the end of this turn: where an object must not be destroyed under its caller.
  virtual void Defer(std::function<void()> task) = 0;

  // Until Stop; one that came before makes it return at once. May be called again.
  virtual void Run() = 0;
  virtual void Stop() = 0;  // thread-safe and async-signal-safe

  // Memory for this loop's connections: Buffer(&loop.buffers()).
  BufferPool& buffers() { return buffers_; }

 protected:
  friend class Timer;
  virtual void Disarm(Timer& timer) = 0;
  static void Mark(Timer& timer, Loop* loop, MonotonicTime deadline) {
    timer.loop_ = loop;
    timer.deadline_ = deadline;
  }

 private:
  BufferPool buffers_;
};

inline void Timer::Cancel() {
  if (loop_ != nullptr) loop_->Disarm(*this);
}
inline Timer::~Timer() {
  Cancel();
  if (destroyed_ != nullptr) *destroyed_ = true;
}

// The real one, on epoll (edge-triggered, each descriptor registered once).
std::unique_ptr<Loop> NewEpollLoop(const Clock& clock);

}  // namespace hearth::net
