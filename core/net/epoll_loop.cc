#include "core/net/epoll_loop.h"

#include <errno.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace hearth::net {
namespace {

// The loop whose turn this thread is in.
thread_local const EpollLoop* running_here = nullptr;

}  // namespace

std::unique_ptr<Loop> NewEpollLoop(const Clock& clock) {
  return std::make_unique<EpollLoop>(clock);
}

EpollLoop::EpollLoop(const Clock& clock)
    : clock_(clock),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      now_(clock.Now()),
      timers_(now_) {
  // Without these two there is no program: only an exhausted descriptor table at start leads here.
  if (!epoll_.valid() || !wake_.valid() || !Register(wake_.get(), EPOLLIN, nullptr)) std::abort();
}

// Tasks may own streams, timers and connects of this loop: they go while the loop still stands.
EpollLoop::~EpollLoop() {
  for (;;) {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(posted_mutex_);
      tasks.swap(posted_);
    }
    if (tasks.empty()) tasks.swap(deferred_);
    if (tasks.empty()) return;
  }
}

bool EpollLoop::Register(int fd, uint32_t events, Source* source) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = source;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollLoop::Forget(int fd, Source* source) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  // Events of this turn that are still to be handled may be the source's.
  for (int i = event_index_ + 1; i < event_count_; ++i) {
    epoll_event& event = events_[static_cast<size_t>(i)];
    if (event.data.ptr == source) event.events = 0;
  }
}

void EpollLoop::Arm(Timer& timer, MonotonicTime deadline) {
  timer.Cancel();
  Mark(timer, this, deadline);
  timers_.Insert(timer);
}

void EpollLoop::Disarm(Timer& timer) {
  timers_.Remove(timer);
  Mark(timer, nullptr, {});
}

void EpollLoop::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(task));
  }
  if (running_here == this) {
    posted_here_ = true;
  } else {
    Wake();
  }
}

void EpollLoop::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

void EpollLoop::Wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const int saved_errno = errno;  // Stop may be called in a signal handler
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable anyway.
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  errno = saved_errno;
}

void EpollLoop::Run() {
  now_ = clock_.Now();
  const EpollLoop* const outer = std::exchange(running_here, this);
  while (!stop_.exchange(false, std::memory_order_acq_rel)) Turn();
  running_here = outer;
}

int EpollLoop::WaitMillis() const {
  if (posted_here_ || !deferred_.empty()) return 0;
  const auto wakeup = timers_.NextWakeup();
  if (!wakeup) return -1;
  const int64_t ns = (*wakeup - clock_.Now()).count();
  if (ns <= 0) return 0;
  constexpr int64_t kLongest = 60'000;
  return static_cast<int>(std::min(kLongest, (ns + 999'999) / 1'000'000));
}

void EpollLoop::Turn() {
  event_count_ =
      ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), WaitMillis());
  now_ = clock_.Now();
  bool woken = false;
  for (event_index_ = 0; event_index_ < event_count_; ++event_index_) {
    const epoll_event event = events_[static_cast<size_t>(event_index_)];
    if (event.data.ptr == nullptr) {
      woken = true;
    } else if (event.events != 0) {
      static_cast<Source*>(event.data.ptr)->OnEvents(event.events);
    }
  }
  event_count_ = 0;
  timers_.Advance(now_);
  if (woken) ClearWake();
  if (woken || posted_here_) RunPosted();
  RunDeferred();
}

void EpollLoop::ClearWake() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
  // Before the queue is taken: a task posted from now on wakes the loop again, one posted before is
  // visible because this reads what its Wake wrote.
  woken_.exchange(false, std::memory_order_acq_rel);
}

void EpollLoop::RunPosted() {
  posted_here_ = false;
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;
  }
}

void EpollLoop::RunDeferred() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(deferred_);
  for (auto& task : tasks) {
    task();
    task = nullptr;
  }
  // Keeps the memory for the next turn where nothing new came.
  if (deferred_.empty()) {
    tasks.clear();
    deferred_.swap(tasks);
  }
}

}  // namespace hearth::net
