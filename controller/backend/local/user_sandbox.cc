#include "controller/backend/local/user_sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "controller/backend/local/sandbox.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr int kProbeTimeoutMs = 3000;
constexpr int kEgressTimeoutMs = 2000;
constexpr int kUserFd = 10, kNetworkFd = 11, kReadyFd = 12;

constexpr const char* kOverlayScript =
    "mount -t tmpfs -o size=$2,mode=0755 tmpfs \"$1\" && cd \"$1\" && mkdir upper work root && "
    "mount -t overlay -o \"lowerdir=$3,upperdir=$1/upper,workdir=$1/work,userxattr\" overlay root "
    "&& cd / && shift 3 && exec \"$@\"";

// Bubblewrap and slirp4netns both set up the loopback interface and trip over each other:
// slirp4netns comes after. The kernel lists the address once the interface is up.
bool WaitForLoopback(pid_t pid) {
  const std::string path = Cat("/proc/", pid, "/net/fib_trie");
  for (int i = 0; i < kEgressTimeoutMs; ++i) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    if (text.str().find("127.0.0.1") != std::string::npos) return true;
    poll(nullptr, 0, 1);
  }
  return false;
}

bool ProbeOverlay(const std::string& folder) {
  const auto result =
      RunCommand(UserSandbox::WithOverlay({"/bin/true"}, "/usr", folder, 1 << 20), kProbeTimeoutMs);
  return result.ok() && result->exit_status == 0;
}

}  // namespace

std::vector<std::string> UserSandbox::WithOverlay(const std::vector<std::string>& argv,
                                                  const std::string& lower,
                                                  const std::string& folder, uint64_t bytes) {
  std::vector<std::string> out = {
      "/usr/bin/unshare", "--user", "--map-root-user", "--mount", "--",
      "/bin/sh",          "-c",     kOverlayScript,    "sh",      folder,
      Cat(bytes),         lower};
  out.insert(out.end(), argv.begin(), argv.end());
  return out;
}

UserSandbox UserSandbox::Probe(const std::string& bwrap, const std::string& folder,
                               std::vector<std::string>* notices) {
  UserSandbox out;
  out.overlay_ = ProbeOverlay(folder);
  if (!out.overlay_) {
    notices->push_back(
        "image functions have a read-only root file system: this kernel gives users no overlay");
  }
  const std::string slirp = "/usr/bin/slirp4netns";
  std::string why = "slirp4netns is not installed: apt-get install slirp4netns";
  if (access(slirp.c_str(), X_OK) == 0) {
    out.slirp_ = slirp;
    const auto result = [&]() -> absl::Status {
      SpawnPlan plan;
      plan.argv = {bwrap,           "--ro-bind",     "/",          "/",          "--unshare-user",
                   "--unshare-net", "--unshare-pid", "--as-pid-1", "/bin/sleep", "10"};
      int pipes[2];
      if (pipe2(pipes, O_CLOEXEC) != 0) return Unavailable("pipe");
      const UniqueFd info(pipes[0]);
      UniqueFd info_write(pipes[1]);
      plan.argv.insert(plan.argv.begin() + 1, {"--info-fd", "3"});
      plan.descriptors = {{info_write.get(), 3}};
      ASSIGN_OR_RETURN(const SpawnedProcess process, Spawn(plan));
      info_write.Reset();
      const pid_t inner = ReadChildPid(info.get());
      auto egress = out.StartEgress(inner);
      for (const pid_t pid : {inner, process.pid, egress.ok() ? egress->pid : 0}) {
        if (pid > 0) kill(pid, SIGKILL);
      }
      waitpid(process.pid, nullptr, 0);
      if (egress.ok()) waitpid(egress->pid, nullptr, 0);
      return egress.status();
    }();
    if (result.ok()) return out;
    why = Message(result);
    out.slirp_.clear();
  }
  notices->push_back(Cat("functions cannot reach the network: ", why,
                         "; run as root, or open /dev/net/tun to this user"));
  return out;
}

absl::StatusOr<SpawnedProcess> UserSandbox::StartEgress(pid_t sandboxed) const {
  if (!WaitForLoopback(sandboxed)) return Unavailable("the sandbox has no loopback interface");
  const UniqueFd user(open(Cat("/proc/", sandboxed, "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd network(open(Cat("/proc/", sandboxed, "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  if (!user.valid() || !network.valid()) {
    return Unavailable(Cat("namespaces of the sandbox: ", strerror(errno)));
  }
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0) return Unavailable("pipe");
  const UniqueFd ready(pipes[0]);
  UniqueFd ready_write(pipes[1]);
  SpawnPlan plan;
  plan.argv = {slirp_,
               "--configure",
               "--mtu=65520",
               "--disable-host-loopback",
               Cat("--ready-fd=", kReadyFd),
               "--netns-type=path",
               Cat("--userns-path=/proc/self/fd/", kUserFd),
               Cat("/proc/self/fd/", kNetworkFd),
               "tap0"};
  plan.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  plan.descriptors = {
      {user.get(), kUserFd}, {network.get(), kNetworkFd}, {ready_write.get(), kReadyFd}};
  ASSIGN_OR_RETURN(SpawnedProcess process, Spawn(plan));
  ready_write.Reset();
  pollfd wait{ready.get(), POLLIN, 0};
  char byte = 0;
  if (poll(&wait, 1, kEgressTimeoutMs) == 1 && read(ready.get(), &byte, 1) == 1) return process;
  kill(process.pid, SIGKILL);
  waitpid(process.pid, nullptr, 0);
  return Unavailable("slirp4netns does not work here (is /dev/net/tun open to this user?)");
}

absl::Status LimitProcesses(pid_t pid, uint32_t max_processes) {
  const rlimit limit{max_processes, max_processes};
  if (pid > 0 && prlimit(pid, RLIMIT_NPROC, &limit, nullptr) == 0) return absl::OkStatus();
  return Unavailable(Cat("cannot bound the processes of the sandbox: ", strerror(errno)));
}

}  // namespace hearth::controller
