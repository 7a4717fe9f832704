#include "watchdog/supervise/posix_launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/unique_fd.h"
#include "watchdog/supervise/process_table.h"

namespace hearth::watchdog {
namespace {

// Without children there are no descendants at all: orphans are adopted.
bool HasChildren() {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// Processes that fork while their tree is being killed are found in the next round.
constexpr int kKillRounds = 8;

struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
};

absl::Status Errno(std::string_view what, int error) {
  return Internal(std::string(what) + ": " + std::strerror(error));
}

absl::StatusOr<PipeEnds> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return Errno("cannot make a pipe", errno);
  return PipeEnds{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

std::string_view ValueOf(const std::vector<std::string>& environment, std::string_view name) {
  for (std::string_view entry : environment) {
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with("=")) {
      return entry.substr(name.size() + 1);
    }
  }
  return {};
}

// What execvp would try, made before the fork: the child may not allocate.
std::vector<std::string> Candidates(const LaunchSpec& spec) {
  const std::string& program = spec.command.front();
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> out;
  std::string_view path = ValueOf(spec.environment, "PATH");
  while (!path.empty()) {
    const size_t size = std::min(path.find(':'), path.size());
    out.push_back((size == 0 ? "." : std::string(path.substr(0, size))) + "/" + program);
    path.remove_prefix(std::min(path.size(), size + 1));
  }
  return out;
}

struct ChildSide {
  int in, out, err, report;
  const std::optional<RunAs>* run_as;
  const std::vector<std::string>* candidates;
  char** argv;
  char** envp;
};

[[noreturn]] void Fail(int report) {
  const int error = errno;
  [[maybe_unused]] const ssize_t n = write(report, &error, sizeof error);
  _exit(127);
}

void ResetSignals() {
  for (int s : {SIGPIPE, SIGTERM, SIGINT, SIGCHLD, SIGHUP}) signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Runs in the child between fork and exec: async-signal-safe calls only.
[[noreturn]] void RunChild(const ChildSide& c) {
  ResetSignals();
  setsid();
  if (dup2(c.in, 0) < 0 || dup2(c.out, 1) < 0 || dup2(c.err, 2) < 0) Fail(c.report);
  if (c.run_as->has_value()) {
    const RunAs& who = **c.run_as;
    const bool root = geteuid() == 0;
    if (root && setgroups(0, nullptr) != 0 && errno != EPERM) Fail(c.report);
    if (setresgid(who.gid, who.gid, who.gid) != 0 || setresuid(who.uid, who.uid, who.uid) != 0) {
      Fail(c.report);
    }
    // A function that runs as root, as images do, would keep the watchdog's.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    if (syscall(SYS_capset, &header, none) != 0) Fail(c.report);
  }
  // After the change of user, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(c.report);
  syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
  errno = ENOENT;
  int worst = ENOENT;
  for (const std::string& file : *c.candidates) {
    execve(file.c_str(), c.argv, c.envp);
    if (errno != ENOENT && errno != ENOTDIR) worst = errno;
  }
  errno = worst;
  Fail(c.report);
}

// 0 once the new program runs, else why it does not.
int AwaitExec(int report) {
  int error = 0;
  while (true) {
    const ssize_t n = read(report, &error, sizeof error);
    if (n == sizeof error) return error;
    if (n < 0 && errno == EINTR) continue;
    return 0;
  }
}

}  // namespace

class PosixLauncher::Child final : public Process {
 public:
  Child(PosixLauncher& launcher, pid_t pid, ProcessObserver* observer)
      : launcher_(launcher), pid_(pid), observer_(observer) {}
  ~Child() override {
    if (!alive_) return;
    launcher_.KillTree(pid_);
    launcher_.children_.erase(pid_);
  }

  pid_t pid() const override { return pid_; }
  void Terminate() override {
    if (alive_) kill(-pid_, SIGTERM);
  }
  void KillTree() override {
    if (alive_) launcher_.KillTree(pid_);
  }
  std::unique_ptr<net::Stream> TakeStdin() override { return std::move(in); }
  std::unique_ptr<net::Stream> TakeStdout() override { return std::move(out); }
  std::unique_ptr<net::Stream> TakeStderr() override { return std::move(err); }

  ProcessObserver* Exited() {
    alive_ = false;
    return observer_;
  }

  std::unique_ptr<net::Stream> in, out, err;

 private:
  PosixLauncher& launcher_;
  pid_t pid_;
  ProcessObserver* observer_;
  bool alive_ = true;
};

PosixLauncher::PosixLauncher(net::Loop& loop) : loop_(loop) {}
PosixLauncher::~PosixLauncher() {
  if (HasChildren()) KillStrays();
}

absl::StatusOr<std::unique_ptr<Process>> PosixLauncher::Launch(const LaunchSpec& spec,
                                                               ProcessObserver* observer) {
  PipeEnds in;
  if (spec.with_stdin) {
    ASSIGN_OR_RETURN(in, MakePipe());
  } else {
    in.read.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!in.read.valid()) return Errno("/dev/null", errno);
  }
  ASSIGN_OR_RETURN(PipeEnds out, MakePipe());
  ASSIGN_OR_RETURN(PipeEnds err, MakePipe());
  ASSIGN_OR_RETURN(PipeEnds report, MakePipe());
  const std::vector<std::string> candidates = Candidates(spec);
  std::vector<char*> argv = Pointers(spec.command);
  std::vector<char*> envp = Pointers(spec.environment);
  const ChildSide child{in.read.get(), out.write.get(), err.write.get(), report.write.get(),
                        &spec.run_as,  &candidates,     argv.data(),     envp.data()};
  const pid_t pid = fork();
  if (pid < 0) return Errno("cannot fork", errno);
  if (pid == 0) RunChild(child);
  report.write.Reset();
  if (const int error = AwaitExec(report.read.get()); error != 0) {
    waitpid(pid, nullptr, 0);
    std::string reason = "cannot run " + spec.command.front();
    if (error == EPERM && spec.run_as) {
      reason += " as " + std::to_string(spec.run_as->uid) + ":" + std::to_string(spec.run_as->gid);
    }
    return InvalidArgument(reason + ": " + std::strerror(error));
  }
  auto process = std::make_unique<Child>(*this, pid, observer);
  if (spec.with_stdin) process->in = loop_.Adopt(in.write.Release());
  process->out = loop_.Adopt(out.read.Release());
  process->err = loop_.Adopt(err.read.Release());
  children_.emplace(pid, process.get());
  return process;
}

absl::Status PosixLauncher::Check(const LaunchSpec& spec) {
  int worst = ENOENT;
  for (const std::string& file : Candidates(spec)) {
    if (access(file.c_str(), X_OK) == 0) return absl::OkStatus();
    if (errno != ENOENT && errno != ENOTDIR) worst = errno;
  }
  return InvalidArgument("cannot run " + spec.command.front() + ": " + std::strerror(worst));
}

void PosixLauncher::Reap() {
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid > 0) {
      Ended(pid, status);
    } else if (pid == 0 || errno != EINTR) {
      break;
    }
  }
  // Orphans of processes that nobody waits for any more.
  if (children_.empty() && HasChildren()) KillStrays();
}

void PosixLauncher::Ended(pid_t pid, int wait_status) {
  const auto it = children_.find(pid);
  if (it == children_.end()) {
    ++reaped_orphans_;
    return;
  }
  Child* child = it->second;
  children_.erase(it);
  // What it left behind ends with it.
  if (HasChildren()) KillTree(pid);
  ExitInfo exit;
  if (WIFSIGNALED(wait_status)) {
    exit.signal = WTERMSIG(wait_status);
  } else {
    exit.status = WEXITSTATUS(wait_status);
  }
  const bool oom = oom_.Increased();
  exit.out_of_memory = oom && exit.signal == SIGKILL;
  child->Exited()->OnExit(exit);
}

void PosixLauncher::KillTree(pid_t root) {
  kill(-root, SIGKILL);
  for (int round = 0; round < kKillRounds; ++round) {
    const std::vector<pid_t> tree = TreeOf(ReadProcessTable(), root);
    if (tree.empty()) return;
    for (pid_t pid : tree) kill(pid, SIGKILL);
  }
}

void PosixLauncher::KillStrays() {
  for (int round = 0; round < kKillRounds; ++round) {
    const std::vector<pid_t> strays = Strays(ReadProcessTable(), getpid(), {});
    if (strays.empty()) return;
    for (pid_t pid : strays) kill(pid, SIGKILL);
  }
}

}  // namespace hearth::watchdog
