#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth::controller {

// Threads for what takes milliseconds or more: launching, unpacking, ending. The queue holds at
// most a few tasks for each replica, so the number of replicas bounds it. Tasks start in order.
class WorkerPool {
 public:
  explicit WorkerPool(size_t threads);
  ~WorkerPool() { Stop(); }
  void Submit(std::function<void()> task);  // dropped after Stop
  void Stop();                              // waits for what runs, drops what waits

 private:
  void Run();

  std::mutex mutex_;  // guards queue_ and stop_
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth::controller
