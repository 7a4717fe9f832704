#include "cli/serve/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

constexpr int kReadyFd = 3;

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void Become(char* const* argv, int ready, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (ready == kReadyFd) {
    ::fcntl(ready, F_SETFD, 0);
  } else {
    ::dup2(ready, kReadyFd);
  }
  ::execv(argv[0], argv);
  const char* text = strerror(errno);
  [[maybe_unused]] ssize_t n = ::write(2, "hearth: cannot run ", 19);
  n = ::write(2, argv[0], strlen(argv[0]));
  n = ::write(2, ": ", 2);
  n = ::write(2, text, strlen(text));
  n = ::write(2, "\n", 1);
  ::_exit(127);
}

}  // namespace

absl::StatusOr<ChildProcess> StartChild(std::vector<std::string> argv) {
  argv.insert(argv.end(), {"--ready-fd", Cat(kReadyFd)});
  std::vector<char*> raw;
  for (auto& arg : argv) raw.push_back(arg.data());
  raw.push_back(nullptr);
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ResourceExhausted("cannot make a pipe");
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return ResourceExhausted(Cat("cannot start a process: ", std::string_view(strerror(errno))));
  }
  if (pid == 0) Become(raw.data(), write_end.get(), parent);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  return ChildProcess{pid, std::move(read_end)};
}

bool ReadReady(const UniqueFd& fd, bool* closed) {
  char text[64];
  const ssize_t n = ::read(fd.get(), text, sizeof text);
  *closed = n == 0;
  return n > 0;
}

}  // namespace hearth::cli
