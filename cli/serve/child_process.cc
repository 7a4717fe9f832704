#include "cli/serve/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/strings.h"

extern char** environ;

namespace hearth::cli {
namespace {

constexpr int kReadyFd = 3;

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void Become(char* const* argv, int ready, pid_t parent, int orphan_signal) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, orphan_signal);
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

absl::StatusOr<ChildProcess> StartChild(std::vector<std::string> argv, int orphan_signal) {
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
  if (pid == 0) Become(raw.data(), write_end.get(), parent, orphan_signal);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  return ChildProcess{pid, std::move(read_end)};
}

absl::Status TryProgram(const std::vector<std::string>& argv, const std::string& variable,
                        Duration patience, const Clock& clock) {
  std::vector<char*> arguments, environment;
  std::vector<std::string> texts = argv;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  std::string added = variable;
  environment.push_back(added.data());
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ResourceExhausted("cannot make a pipe");
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return ResourceExhausted(Cat("cannot fork: ", std::string_view(strerror(errno))));
  if (pid == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::dup2(write_end.get(), STDERR_FILENO);
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  write_end.Reset();
  std::string output;
  const MonotonicTime deadline = clock.Now() + patience;
  for (;;) {  // until it closes what it prints to: its end
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.Now()).count();
    pollfd fd{read_end.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&fd, 1, static_cast<int>(left)) == 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return DeadlineExceeded(Cat(argv[0], " did not end within ", FormatDuration(patience)));
    }
    char text[4096];
    const ssize_t n = ::read(read_end.get(), text, sizeof text);
    if (n == 0 || (n < 0 && errno != EINTR)) break;
    if (n > 0) output.append(text, static_cast<size_t>(n));
    if (output.size() > 4096) output.erase(0, output.size() - 4096);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return FailedPrecondition(Cat("cannot run ", argv[0]));
  }
  return FailedPrecondition(Cat(argv[0], ": ", Trim(output)));
}

bool ReadReady(const UniqueFd& fd, bool* closed) {
  char text[64];
  const ssize_t n = ::read(fd.get(), text, sizeof text);
  *closed = n == 0;
  return n > 0;
}

}  // namespace hearth::cli
