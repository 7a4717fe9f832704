#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/ids.h"

namespace hearth::controller {

// What the next controller must know to adopt or to end a replica: run/r/<replica>/meta.json.
// Written before the process starts, and again once its id is known.
struct ReplicaMeta {
  ReplicaId id;
  FunctionKey function;
  RevisionId revision;
  uint32_t capacity = 0;
  pid_t pid = 0;            // of the sandbox's outer process; 0: not started yet
  uint64_t start_time = 0;  // of that process, from /proc: tells a reused id apart
  pid_t inner_pid = 0;      // of the watchdog, which is process 1 of its namespace
  uint64_t inner_start_time = 0;
  pid_t helper_pid = 0;  // of slirp4netns, where it makes the network; 0: none
  uint64_t helper_start_time = 0;
  std::string cgroup;  // empty: none
  int network = -1;    // index of its addresses
  int user = -1;       // index in the range of users
  uint64_t memory_bytes = 0;
  bool operator==(const ReplicaMeta&) const = default;
};

std::string ToJson(const ReplicaMeta& meta);
absl::StatusOr<ReplicaMeta> ParseReplicaMeta(std::string_view json);

absl::Status WriteMeta(const std::string& folder, const ReplicaMeta& meta);
absl::StatusOr<ReplicaMeta> ReadMeta(const std::string& folder);

// Start time of a process in clock ticks since boot; 0: there is no such process.
uint64_t StartTimeOf(pid_t pid);
bool IsAlive(pid_t pid, uint64_t start_time);

}  // namespace hearth::controller
