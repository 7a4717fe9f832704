#include "controller/process/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/status_macros.h"

namespace hearth::controller {
namespace {

constexpr size_t kChildStack = 64 * 1024;
constexpr size_t kMaxOutput = 64 * 1024;

struct ChildArgs {
  const SpawnPlan* plan;
  char* const* argv;
  char* const* envp;
  const int* sources;  // descriptors lifted above every target number, in the order of the plan
  int first_free;      // all from here on close
  int dev_null;
  int error = 0;  // errno of what failed; shared memory
  const char* step = "";
};

int Fail(ChildArgs* args, const char* step) {
  args->error = errno;
  args->step = step;
  return 127;
}

// Runs in the child on a stack of its own, sharing memory with the suspended parent thread.
int ChildMain(void* raw) {
  auto* args = static_cast<ChildArgs*>(raw);
  const SpawnPlan& plan = *args->plan;
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
  if (plan.new_session) setsid();
  if (!plan.working_dir.empty() && chdir(plan.working_dir.c_str()) != 0) return Fail(args, "chdir");
  umask(022);  // the controller's own is 077: not for functions, nor for what unpacks images
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(args->dev_null, fd) < 0) return Fail(args, "dup2");
  }
  for (size_t i = 0; i < plan.descriptors.size(); ++i) {
    if (dup2(args->sources[i], plan.descriptors[i].second) < 0) return Fail(args, "dup2");
  }
  if (syscall(SYS_close_range, args->first_free, ~0U, 0) != 0) return Fail(args, "close_range");
  for (const auto& [what, limit] : plan.rlimits) {
    if (setrlimit(static_cast<__rlimit_resource>(what), &limit) != 0) {
      return Fail(args, "setrlimit");
    }
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(args->argv[0], args->argv, args->envp);
  return Fail(args, "execve");
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// clone3 with a stack needs assembly; clone() has no CLONE_INTO_CGROUP. A child that is to be born
// in another cgroup v2 therefore joins by clone3 without sharing memory.
pid_t CloneChild(ChildArgs* args, char* stack_top, int* pidfd) {
  if (args->plan->cgroup_fd < 0) {
    return clone(ChildMain, stack_top, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, args, pidfd);
  }
  clone_args request{};
  request.flags = CLONE_PIDFD | CLONE_VFORK | CLONE_INTO_CGROUP;
  request.pidfd = reinterpret_cast<uint64_t>(pidfd);
  request.exit_signal = SIGCHLD;
  request.cgroup = static_cast<uint64_t>(args->plan->cgroup_fd);
  const long pid = syscall(SYS_clone3, &request, sizeof(request));
  if (pid == 0) {
    _exit(ChildMain(args));
  }
  return static_cast<pid_t>(pid);
}

absl::Status SpawnError(const SpawnPlan& plan, const char* step, int error) {
  return Unavailable("cannot start " + plan.argv.at(0) + ": " + step + ": " + strerror(error));
}

}  // namespace

absl::StatusOr<SpawnedProcess> Spawn(const SpawnPlan& plan) {
  const std::vector<char*> argv = Pointers(plan.argv);
  const std::vector<char*> envp = Pointers(plan.env);
  int first_free = 3;
  for (const auto& [ours, theirs] : plan.descriptors) first_free = std::max(first_free, theirs + 1);

  UniqueFd dev_null(open("/dev/null", O_RDWR | O_CLOEXEC));
  UniqueFd lifted_null(fcntl(dev_null.get(), F_DUPFD_CLOEXEC, first_free));
  std::vector<UniqueFd> lifted;
  std::vector<int> sources;
  for (const auto& [ours, theirs] : plan.descriptors) {
    lifted.emplace_back(fcntl(ours, F_DUPFD_CLOEXEC, first_free));
    if (!lifted.back().valid()) return SpawnError(plan, "dup", errno);
    sources.push_back(lifted.back().get());
  }
  if (!lifted_null.valid()) return SpawnError(plan, "open /dev/null", errno);

  const auto stack = std::make_unique<char[]>(kChildStack);
  // The child says why it failed in memory that both see, whichever way it was made.
  void* shared =
      mmap(nullptr, sizeof(ChildArgs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return SpawnError(plan, "mmap", errno);
  const auto unmap = [](ChildArgs* p) { munmap(p, sizeof(ChildArgs)); };
  const std::unique_ptr<ChildArgs, decltype(unmap)> args(
      new (shared)
          ChildArgs{&plan, argv.data(), envp.data(), sources.data(), first_free, lifted_null.get()},
      unmap);
  char* top = stack.get() + kChildStack;
  top -= reinterpret_cast<uintptr_t>(top) % 16;

  // No signal handler of ours may run in the child while it shares our memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const pid_t pid = CloneChild(args.get(), top, &pidfd);
  const int clone_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (pid < 0) return SpawnError(plan, "clone", clone_error);
  SpawnedProcess out{pid, UniqueFd(pidfd)};
  if (args->error != 0) {
    waitpid(pid, nullptr, 0);
    return SpawnError(plan, args->step, args->error);
  }
  return out;
}

absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& argv, int timeout_ms,
                                         const std::string& input) {
  int out[2], in[2];
  if (pipe2(out, O_CLOEXEC) != 0) return Unavailable("pipe");
  UniqueFd out_read(out[0]), out_write(out[1]);
  if (pipe2(in, O_CLOEXEC) != 0) return Unavailable("pipe");
  UniqueFd in_read(in[0]), in_write(in[1]);
  fcntl(in_write.get(), F_SETPIPE_SZ, static_cast<int>(std::max<size_t>(input.size(), 4096)));

  SpawnPlan plan;
  plan.argv = argv;
  for (char** e = environ; *e != nullptr; ++e) plan.env.emplace_back(*e);
  plan.descriptors = {{in_read.get(), 0}, {out_write.get(), 1}, {out_write.get(), 2}};
  ASSIGN_OR_RETURN(SpawnedProcess process, Spawn(plan));
  out_write.Reset();
  in_read.Reset();
  if (write(in_write.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size())) {
    kill(process.pid, SIGKILL);
  }
  in_write.Reset();

  CommandResult result;
  const RealClock clock;  // real processes take real time
  const MonotonicTime start = clock.Now();
  bool overdue = false;
  bool output_open = true;
  while (true) {
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - start);
    const auto left = timeout_ms - spent.count();
    if (left <= 0) {
      overdue = true;
      break;
    }
    pollfd waits[2] = {{process.pidfd.get(), POLLIN, 0},
                       {output_open ? out_read.get() : -1, POLLIN, 0}};
    if (poll(waits, 2, static_cast<int>(left)) < 0 && errno != EINTR) break;
    if (waits[1].revents != 0) {
      char buffer[4096];
      const ssize_t n = read(out_read.get(), buffer, sizeof(buffer));
      if (n <= 0) output_open = false;
      if (n > 0 && result.output.size() < kMaxOutput) {
        result.output.append(buffer, static_cast<size_t>(n));
      }
      continue;
    }
    if (waits[0].revents != 0) break;
  }
  if (overdue) kill(-process.pid, SIGKILL);
  int status = 0;
  waitpid(process.pid, &status, 0);
  if (overdue) {
    return DeadlineExceeded(argv[0] + " did not end within " + std::to_string(timeout_ms) + " ms");
  }
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace hearth::controller
