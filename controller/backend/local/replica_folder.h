#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace hearth::controller {

// Makes run/r, where every replica gets a folder. Making a socket or a folder on a disk can take as
// long as starting the sandbox, so run/r is a link to a private folder in memory (/run or /dev/shm)
// where there is one and run/ itself is not in memory. Returns that folder; empty: run/r is real.
absl::StatusOr<std::string> MakeReplicaFolder(const std::string& run_dir,
                                              const std::string& instance);
void RemoveReplicaFolder(const std::string& run_dir, const std::string& fast_folder);

}  // namespace hearth::controller
