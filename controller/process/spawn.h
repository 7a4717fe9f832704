#pragma once

#include <absl/status/statusor.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/unique_fd.h"

namespace hearth::controller {

// Everything a child process needs before its exec, decided beforehand: between clone and exec only
// system calls run, because the controller has many threads and a large address space.
struct SpawnPlan {
  std::vector<std::string> argv;                 // argv[0] is the path of the program
  std::vector<std::string> env;                  // "NAME=value"
  std::vector<std::pair<int, int>> descriptors;  // {ours, the child's}; every other one closes
  std::vector<std::pair<int, rlimit>> rlimits;   // {RLIMIT_…, value}
  std::string working_dir;                       // empty: ours
  int cgroup_fd = -1;                            // cgroup v2 folder to be born in
  bool new_session = true;
};

struct SpawnedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
};

// Starts a process as fast as vfork does: the calling thread waits until the child has executed, so
// that a program that cannot be executed is an error here. The child inherits the calling thread's
// control groups and network namespace. Standard descriptors that are not named are /dev/null.
absl::StatusOr<SpawnedProcess> Spawn(const SpawnPlan& plan);

// Runs a short program to its end: output of both streams together (bounded), its exit status (128
// + signal), and an error where it does not start or outlives `timeout_ms` (it is killed then).
struct CommandResult {
  int exit_status = 0;
  std::string output;
};
absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& argv, int timeout_ms,
                                         const std::string& input = {});

}  // namespace hearth::controller
