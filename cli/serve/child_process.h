#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/unique_fd.h"

namespace hearth::cli {

// One started program. It dies with the process that started it (it is sent SIGTERM when that is
// gone), and Ctrl-C on the terminal does not reach it: it is its own process group.
struct ChildProcess {
  pid_t pid = -1;
  UniqueFd ready;  // readable once the child has said that it is ready, or has ended
};

// Starts argv[0] with `--ready-fd 3` behind the other arguments.
absl::StatusOr<ChildProcess> StartChild(std::vector<std::string> argv);

// What the ready descriptor says: a line has come.
bool ReadReady(const UniqueFd& fd, bool* closed);

}  // namespace hearth::cli
