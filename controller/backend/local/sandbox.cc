#include "controller/backend/local/sandbox.h"

#include <poll.h>
#include <unistd.h>

#include <initializer_list>

#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr uint64_t kSharedMemory = 64ull << 20;
constexpr int kInfoTimeoutMs = 5000;
constexpr uint64_t kScratch = 16ull << 20;

class Arguments {
 public:
  void Add(std::initializer_list<std::string> parts) { out_.insert(out_.end(), parts); }
  void Tmpfs(const std::string& where, uint64_t bytes) {
    Add({"--perms", "1777", "--size", Cat(bytes), "--tmpfs", where});
  }
  std::vector<std::string> Take() { return std::move(out_); }

 private:
  std::vector<std::string> out_;
};

void AddNamespaces(const SandboxPlan& plan, Arguments* args) {
  args->Add({"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--as-pid-1", "--new-session"});
  if (!plan.share_network) args->Add({"--unshare-net"});
  if (plan.user_namespace) {
    args->Add(
        {"--unshare-user", "--disable-userns", "--uid", Cat(plan.uid), "--gid", Cat(plan.gid)});
  }
  if (!plan.hostname.empty()) args->Add({"--hostname", plan.hostname});
}

// An image's user may be root. Files below /proc that tell the kernel what to do ask for no
// capability, only for that user: core_pattern alone would run a program outside of the sandbox.
void CoverProc(Arguments* args) {
  for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs",
                           "/proc/acpi", "/proc/scsi"}) {
    args->Add({"--ro-bind-try", path, path});
  }
}

void AddRoot(const SandboxPlan& plan, Arguments* args) {
  args->Add({plan.read_only_root ? "--ro-bind" : "--bind", plan.root, "/"});
  if (!plan.root_is_image) args->Add({"--ro-bind", "/usr", "/usr"});
  args->Add({"--proc", "/proc", "--dev", "/dev"});
  if (!plan.user_namespace) CoverProc(args);
  args->Tmpfs("/dev/shm", kSharedMemory);
  args->Add({"--remount-ro", "/dev"});
  args->Tmpfs("/tmp", plan.tmp_bytes);
  for (const std::string& path : plan.writable) args->Tmpfs(path, kScratch);
}

void AddMounts(const SandboxPlan& plan, Arguments* args) {
  const auto mount = [&](const std::string& from, const std::string& to) {
    if (!from.empty()) args->Add({"--ro-bind", from, to});
  };
  mount(plan.code, "/var/task");
  mount(plan.shim, "/var/runtime");
  mount(plan.secrets, "/var/openfaas/secrets");
  if (plan.root_is_image) {
    mount(plan.secrets, "/run/secrets");
    mount(plan.resolv_conf, "/etc/resolv.conf");
    mount(plan.hosts, "/etc/hosts");
  }
  mount(plan.watchdog, kWatchdogInside);
  mount(plan.gateway_dir, kGatewayDirInside);
  mount(plan.memory_accounting, plan.memory_accounting_inside);
}

// As root the watchdog keeps what it needs to give its function another user and to end it. In a
// user namespace nobody needs any.
void AddCapabilities(const SandboxPlan& plan, Arguments* args) {
  args->Add({"--cap-drop", "ALL"});
  if (plan.user_namespace) return;
  for (const char* capability : {"CAP_SETUID", "CAP_SETGID", "CAP_KILL"}) {
    args->Add({"--cap-add", capability});
  }
}

}  // namespace

std::vector<std::string> BwrapArguments(const SandboxPlan& plan) {
  Arguments args;
  AddNamespaces(plan, &args);
  AddRoot(plan, &args);
  AddMounts(plan, &args);
  AddCapabilities(plan, &args);
  args.Add({"--chdir", plan.working_dir, "--clearenv"});
  for (const auto& [name, value] : plan.env) args.Add({"--setenv", name, value});
  return args.Take();
}

std::vector<std::string> SandboxedCommand(const SandboxPlan& plan) {
  std::vector<std::string> out = {"--", kWatchdogInside};
  if (!plan.command.empty()) out.push_back("--");
  out.insert(out.end(), plan.command.begin(), plan.command.end());
  return out;
}

pid_t ReadChildPid(int fd) {
  std::string text;
  char buffer[512];
  pollfd wait{fd, POLLIN, 0};
  while (poll(&wait, 1, kInfoTimeoutMs) > 0) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
    if (text.find('}') != std::string::npos) break;
  }
  const size_t colon = text.find("\"child-pid\":");
  if (colon == std::string::npos) return 0;
  const std::string_view rest = Trim(std::string_view(text).substr(colon + 12));
  const size_t digits = rest.find_first_not_of("0123456789");
  return static_cast<pid_t>(ParseInt(rest.substr(0, digits)).value_or(0));
}

std::string NulSeparated(const std::vector<std::string>& arguments) {
  std::string out;
  for (const std::string& argument : arguments) out.append(argument).push_back('\0');
  return out;
}

}  // namespace hearth::controller
