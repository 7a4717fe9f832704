#pragma once

#include <map>
#include <memory>

#include "core/net/loop.h"
#include "watchdog/supervise/oom_counter.h"
#include "watchdog/supervise/process.h"

namespace hearth::watchdog {

// Starts real processes and reaps every child, its own and those it inherits as PID 1 or as
// subreaper. Each process leads a session of its own, cannot gain privileges, dies with the
// watchdog and gets none of its descriptors. Belongs to the loop's thread; outlives its processes.
class PosixLauncher final : public Launcher {
 public:
  explicit PosixLauncher(net::Loop& loop);
  ~PosixLauncher() override;

  absl::StatusOr<std::unique_ptr<Process>> Launch(const LaunchSpec& spec,
                                                  ProcessObserver* observer) override;
  absl::Status Check(const LaunchSpec& spec) override;
  // To be called after SIGCHLD.
  void Reap();
  uint64_t reaped_orphans() const { return reaped_orphans_; }

 private:
  class Child;
  friend class Child;
  void Ended(pid_t pid, int wait_status);
  void KillTree(pid_t root);
  void KillStrays();

  net::Loop& loop_;
  OomCounter oom_;
  std::map<pid_t, Child*> children_;
  uint64_t reaped_orphans_ = 0;
};

}  // namespace hearth::watchdog
