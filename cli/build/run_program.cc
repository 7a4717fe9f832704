#include "cli/build/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::cli {
namespace {

// posix_spawn's argument objects, freed on every path.
struct SpawnActions {
  posix_spawn_file_actions_t actions;
  SpawnActions() { posix_spawn_file_actions_init(&actions); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
};

}  // namespace

absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv,
                                         const std::string& folder,
                                         const std::function<void(std::string_view)>& on_output) {
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return Internal("cannot make a pipe");
  UniqueFd read_end(pipe_fds[0]), write_end(pipe_fds[1]);

  SpawnActions spawn;
  posix_spawn_file_actions_addopen(&spawn.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&spawn.actions, write_end.get(), 1);
  posix_spawn_file_actions_adddup2(&spawn.actions, write_end.get(), 2);
  posix_spawn_file_actions_addchdir_np(&spawn.actions, folder.c_str());
  std::vector<char*> raw;
  for (const auto& arg : argv) raw.push_back(const_cast<char*>(arg.c_str()));
  raw.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, raw[0], &spawn.actions, nullptr, raw.data(), environ);
  if (error != 0) {
    return FailedPrecondition(
        Cat("cannot run ", argv.front(), ": ", std::string_view(strerror(error))));
  }
  write_end.Reset();
  char buffer[16384];
  while (true) {
    const ssize_t n = ::read(read_end.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (on_output != nullptr) on_output({buffer, static_cast<size_t>(n)});
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ProgramResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace hearth::cli
