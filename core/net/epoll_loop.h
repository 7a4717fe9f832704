#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/net/loop.h"
#include "core/net/timer_wheel.h"

namespace hearth::net {

// Loop on epoll: connections edge-triggered, each registered once; listeners level-triggered and
// exclusive, so that a descriptor shared by several loops wakes one of them. epoll_wait, timers,
// tasks, deferred tasks: one turn.
class EpollLoop final : public Loop {
 public:
  // Something registered with the kernel. Removed with Forget before its descriptor is closed: a
  // forked child may hold a copy of the descriptor, which keeps the kernel's registration alive.
  class Source {
   public:
    virtual ~Source() = default;
    virtual void OnEvents(uint32_t events) = 0;
  };

  explicit EpollLoop(const Clock& clock);
  ~EpollLoop() override;

  MonotonicTime Now() const override { return now_; }
  const Clock& clock() const override { return clock_; }
  absl::StatusOr<std::unique_ptr<Listener>> Listen(const Address& address,
                                                   const ListenOptions& options,
                                                   AcceptCallback on_accept) override;
  std::unique_ptr<PendingConnect> Connect(const Address& address, Duration timeout,
                                          ConnectCallback on_done) override;
  std::unique_ptr<Stream> Adopt(int fd) override;
  void Arm(Timer& timer, MonotonicTime deadline) override;
  void Post(std::function<void()> task) override;
  void Defer(std::function<void()> task) override { deferred_.push_back(std::move(task)); }
  void Run() override;
  void Stop() override;

  // False where the kernel cannot watch the descriptor (a regular file).
  bool Register(int fd, uint32_t events, Source* source);
  void Forget(int fd, Source* source);

 private:
  void Disarm(Timer& timer) override;
  void Turn();
  int WaitMillis() const;
  void Wake();
  void ClearWake();
  void RunPosted();
  void RunDeferred();

  const Clock& clock_;
  UniqueFd epoll_;
  UniqueFd wake_;  // eventfd
  MonotonicTime now_;
  TimerWheel timers_;
  std::vector<std::function<void()>> deferred_;

  std::array<epoll_event, 256> events_{};
  int event_count_ = 0;
  int event_index_ = 0;

  std::atomic<bool> stop_{false};
  std::atomic<bool> woken_{false};  // wake_ is readable or about to be
  std::mutex posted_mutex_;         // guards posted_
  std::vector<std::function<void()>> posted_;
  bool posted_here_ = false;  // on this thread, so that nobody has to wake the loop
};

}  // namespace hearth::net
