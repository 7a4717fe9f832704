#include "controller/backend/local/slots.h"

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr auto kRetryAfter = std::chrono::seconds(5);
// A replica that has just taken a slot is starting: its cold start has the processors first.
constexpr auto kRefillAfter = std::chrono::milliseconds(25);

absl::Status EnterPrivateMounts() {
  if (unshare(CLONE_NEWNS) != 0) return Unavailable(Cat("mount namespace: ", strerror(errno)));
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return Unavailable(Cat("private mounts: ", strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

Slot::~Slot() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  if (launched_) return;
  (void)cgroups_->Remove(cgroup_);
  if (network_ != nullptr) network_->Release(netns_.index);
}

absl::Status Slot::Prepare(const std::string& name) {
  if (cgroups_->available()) {
    ASSIGN_OR_RETURN(cgroup_, cgroups_->Create(name));
  }
  if (network_ != nullptr) {
    ASSIGN_OR_RETURN(netns_, network_->Create());
  }
  thread_ = std::thread([this] { ThreadMain(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_; });
  return prepared_;
}

void Slot::ThreadMain() {
  absl::Status status = cgroups_->JoinThread(cgroup_);
  if (status.ok() && netns_.fd.valid() && setns(netns_.fd.get(), CLONE_NEWNET) != 0) {
    status = Unavailable(Cat("setns: ", strerror(errno)));
  }
  std::unique_lock lock(mutex_);
  prepared_ = status;
  ready_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return stop_ || task_; });
  if (!task_) return;
  const auto task = std::move(task_);
  lock.unlock();
  task();
}

absl::StatusOr<SpawnedProcess> Slot::Launch(const SpawnPlan& plan, bool private_mounts,
                                            const std::function<absl::Status()>& before) {
  absl::StatusOr<SpawnedProcess> result = Unavailable("not started");
  SpawnPlan with_group = plan;
  const UniqueFd birth = cgroups_->BirthFd(cgroup_);
  with_group.cgroup_fd = birth.get();
  {
    const std::lock_guard lock(mutex_);
    task_ = [&] {
      absl::Status status = private_mounts ? EnterPrivateMounts() : absl::OkStatus();
      if (status.ok() && before) status = before();
      if (!status.ok()) {
        result = status;
        return;
      }
      result = Spawn(with_group);
    };
  }
  changed_.notify_all();
  thread_.join();
  launched_ = result.ok();
  return result;
}

SlotPool::SlotPool(const Cgroups* cgroups, HostNetwork* network, size_t size, log::Logger log)
    : cgroups_(cgroups), network_(network), size_(size), log_(log) {
  if (size_ > 0) thread_ = std::thread([this] { Fill(); });
}

SlotPool::~SlotPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::unique_ptr<Slot>> SlotPool::Make() {
  auto slot = std::make_unique<Slot>(cgroups_, network_);
  RETURN_IF_ERROR(slot->Prepare("slot-" + RandomBase36(8)));
  return slot;
}

void SlotPool::Fill() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (ready_.size() >= size_) {
      changed_.wait(lock, [this] { return stop_ || ready_.size() < size_; });
      continue;
    }
    if (!ready_.empty() &&
        changed_.wait_for(lock, kRefillAfter, [this] { return stop_ || ready_.empty(); }) &&
        stop_) {
      break;
    }
    lock.unlock();
    auto slot = Make();
    lock.lock();
    if (slot.ok()) {
      ready_.push_back(std::move(*slot));
      continue;
    }
    log_.Warn("cannot prepare a place for replicas", {{"error", Message(slot.status())}});
    changed_.wait_for(lock, kRetryAfter, [this] { return stop_; });
  }
}

absl::StatusOr<std::unique_ptr<Slot>> SlotPool::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty()) {
      auto slot = std::move(ready_.front());
      ready_.pop_front();
      changed_.notify_all();
      return slot;
    }
  }
  return Make();
}

}  // namespace hearth::controller
