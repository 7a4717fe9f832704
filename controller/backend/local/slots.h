#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "controller/backend/local/cgroups.h"
#include "controller/backend/local/network.h"
#include "controller/process/spawn.h"
#include "core/log/log.h"

namespace hearth::controller {

// A place to start one replica in: control groups and a network of its own, made before anyone
// waits for them, and a thread that is inside both and starts the process from there, which
// inherits them. Used once, by one thread; destroyed unused it gives everything back.
class Slot {
 public:
  Slot(const Cgroups* cgroups, HostNetwork* network) : cgroups_(cgroups), network_(network) {}
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  absl::Status Prepare(const std::string& name);
  const Cgroup& cgroup() const { return cgroup_; }
  int network_index() const { return netns_.index; }
  bool has_network() const { return netns_.fd.valid(); }

  // Runs `before` (mounts that belong to this replica alone, in a mount namespace of its own where
  // `private_mounts`), then starts the process; on the slot's thread, which ends afterwards. From
  // then on groups and network belong to the replica.
  absl::StatusOr<SpawnedProcess> Launch(const SpawnPlan& plan, bool private_mounts,
                                        const std::function<absl::Status()>& before = {});

 private:
  void ThreadMain();

  const Cgroups* cgroups_;
  HostNetwork* network_;  // may be null
  Cgroup cgroup_;
  Netns netns_;
  bool launched_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  absl::Status prepared_;
  bool ready_ = false;
  std::function<void()> task_;
  bool stop_ = false;
  std::thread thread_;
};

// Keeps a few slots ready. One thread of its own fills it up, off every cold start's path. When it
// is empty, Take makes one on the spot.
class SlotPool {
 public:
  SlotPool(const Cgroups* cgroups, HostNetwork* network, size_t size, log::Logger log);
  ~SlotPool();

  absl::StatusOr<std::unique_ptr<Slot>> Take();

 private:
  void Fill();
  absl::StatusOr<std::unique_ptr<Slot>> Make();

  const Cgroups* cgroups_;
  HostNetwork* network_;
  const size_t size_;
  log::Logger log_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Slot>> ready_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hearth::controller
