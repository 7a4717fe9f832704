#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/unique_fd.h"

namespace hearth::cli {

// One started program. It dies with the process that started it (it is sent a signal when that is
// gone), and Ctrl-C on the terminal does not reach it: it is its own process group.
struct ChildProcess {
  pid_t pid = -1;
  UniqueFd ready;  // readable once the child has said that it is ready, or has ended
};

// Starts argv[0] with `--ready-fd 3` behind the other arguments. `orphan_signal` is what it gets
// when this process has gone.
absl::StatusOr<ChildProcess> StartChild(std::vector<std::string> argv, int orphan_signal);

// Runs a program with one more variable ("NAME=value") and waits for its end. An error says how it
// failed, with what it printed last, or that it did not end in time (then it is killed).
absl::Status TryProgram(const std::vector<std::string>& argv, const std::string& variable,
                        Duration patience, const Clock& clock);

// What the ready descriptor says: a line has come.
bool ReadReady(const UniqueFd& fd, bool* closed);

}  // namespace hearth::cli
