#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controller/backend/local/limits.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {

// One replica's control groups: a folder in each hierarchy that is used. Names only; nothing is
// removed when it goes out of scope.
struct Cgroup {
  std::string name;  // of the folders, below the platform's own
  bool empty() const { return name.empty(); }
};

// The control groups that this machine lets us make: version 2 or 1 (each controller by itself).
// Groups are made ahead of a launch, because joining one can take ten milliseconds in the kernel:
// in version 1 a waiting thread joins and its children inherit; in version 2 a child is born
// inside. Thread-safe: it only holds paths.
class Cgroups {
 public:
  // `instance` names the platform's folder; `notices` gets what cannot be limited here, what
  // happens instead, and what would help.
  static Cgroups Detect(const std::string& instance, std::vector<std::string>* notices);
  Cgroups() = default;

  bool available() const { return v2_ || !v1_.empty(); }
  bool limits_memory() const;
  bool limits_processes() const;
  bool limits_cpu() const;

  absl::StatusOr<Cgroup> Create(const std::string& name) const;
  absl::Status SetLimits(const Cgroup& group, const ReplicaLimits& limits) const;
  // Version 1: the calling thread (alone) moves; what it starts begins there.
  absl::Status JoinThread(const Cgroup& group) const;
  // Version 2: the folder for CLONE_INTO_CGROUP; invalid in version 1.
  UniqueFd BirthFd(const Cgroup& group) const;

  // The folder with its memory accounting, which its processes may read, and where they look for
  // it; both empty where there is none.
  std::string MemoryFolder(const Cgroup& group) const { return Folder("memory", group); }
  std::string MemoryFolderInside() const {
    return v2_ ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  }
  // Processes of it that were killed because it had no memory left.
  uint64_t OomKills(const Cgroup& group) const;
  std::vector<int> Processes(const Cgroup& group) const;
  // Kills all inside and removes it. Unavailable while something is still dying: call again.
  absl::Status Remove(const Cgroup& group) const;
  std::vector<std::string> List() const;  // names of the groups that exist
  void RemoveRoot() const;                // the platform's own folders, once they are empty

 private:
  struct Hierarchy {
    std::string controller;  // "memory"
    std::string folder;      // the platform's own in it
  };
  std::string Folder(std::string_view controller, const Cgroup& group) const;

  bool v2_ = false;
  std::string v2_folder_;
  std::vector<std::string> v2_controllers_;
  std::vector<Hierarchy> v1_;
};

// Pure: where this process is in the hierarchy of `controller` ("" for version 2), from the text of
// /proc/self/cgroup; and where the hierarchy is mounted, from /proc/self/mountinfo. Empty: nowhere.
std::string CgroupPathOf(std::string_view proc_cgroup, std::string_view controller);
struct CgroupMount {
  std::string root;   // the part of the hierarchy that is mounted
  std::string point;  // where
};
CgroupMount CgroupMountOf(std::string_view mountinfo, std::string_view controller);

}  // namespace hearth::controller
