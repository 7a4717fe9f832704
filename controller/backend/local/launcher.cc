#include "controller/backend/local/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "controller/backend/local/replica_folder.h"
#include "controller/bundle/bundle_store.h"
#include "controller/logs/log_store.h"
#include "controller/store/secret_store.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kFirstUser = 200'000;
constexpr int kUsers = 4096;
constexpr uint32_t kNamedUsers = 256;
constexpr int kArgumentsFd = 7;
constexpr int kInfoFd = 8;
constexpr int kBacklog = 4096;
constexpr int kProbeTimeoutMs = 5000;
constexpr int kInfoTimeoutMs = 5000;

absl::StatusOr<UniqueFd> ListenOn(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return InvalidArgument(Cat("the path of the socket is too long: ", path));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  unlink(path.c_str());
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(fd.get(), kBacklog) != 0) {
    return Unavailable(Cat("cannot listen on ", path, ": ", strerror(errno)));
  }
  return fd;
}

absl::StatusOr<UniqueFd> MemoryFile(const std::string& content) {
  UniqueFd fd(memfd_create("arguments", MFD_CLOEXEC));
  if (!fd.valid() ||
      write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      lseek(fd.get(), 0, SEEK_SET) != 0) {
    return Unavailable(Cat("memfd: ", strerror(errno)));
  }
  return fd;
}

// Bubblewrap writes {"child-pid": N, …} before the sandboxed process starts.
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

std::string FindProgram(const char* name) {
  for (const char* folder : {"/usr/bin/", "/bin/", "/usr/local/bin/"}) {
    const std::string path = std::string(folder) + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

std::string InstanceOf(const std::string& data_dir) {
  uint32_t hash = 2166136261u;
  for (const char c : data_dir) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  char text[9];
  snprintf(text, sizeof(text), "%06x", hash & 0xffffffu);
  return text;
}

// A writable layer over an image: bounded, in memory, and gone with the replica, whose mount
// namespace is the only one that has it.
absl::Status MountOverlay(const std::string& lower, const std::string& folder, uint64_t bytes) {
  const std::string options = Cat("size=", bytes, ",mode=0755");
  if (mount("tmpfs", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return Unavailable(Cat("tmpfs for the writable layer: ", strerror(errno)));
  }
  for (const char* name : {"/upper", "/work", "/root"}) mkdir((folder + name).c_str(), 0755);
  const std::string layers =
      Cat("lowerdir=", lower, ",upperdir=", folder, "/upper,workdir=", folder, "/work");
  if (mount("overlay", (folder + "/root").c_str(), "overlay", 0, layers.c_str()) != 0) {
    return Unavailable(Cat("overlay file system: ", strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

ReplicaPaths PathsOf(const std::string& run_dir, const ReplicaId& id) {
  return {Cat(run_dir, "/r/", id.value())};
}

Launcher::Launcher(const LocalBackendOptions& options, const LocalBackendDeps& deps)
    : options_(options),
      deps_(deps),
      root_(geteuid() == 0),
      instance_(InstanceOf(options.data_dir)),
      base_root_(options.run_dir + "/base"),
      gateway_(options.gateway_socket, options.run_dir + "/gw"),
      users_(kUsers) {}

Launcher::~Launcher() = default;

absl::Status Launcher::SetUp(std::vector<std::string>* notices) {
  ASSIGN_OR_RETURN(fast_folder_, MakeReplicaFolder(options_.run_dir, instance_));
  if (access(options_.watchdog_path.c_str(), X_OK) != 0) {
    return FailedPrecondition(Cat("the watchdog ", options_.watchdog_path,
                                  " cannot be executed; is the installation complete?"));
  }
  gateway_.Refresh();
  RETURN_IF_ERROR(BuildBaseRoot({base_root_, kFirstUser, root_ ? kNamedUsers : 0}));
  if (options_.insecure_no_sandbox) {
    notices->push_back(
        "NO SANDBOX (--insecure-no-sandbox): functions can read and change whatever this user can");
  } else {
    RETURN_IF_ERROR(Probe());
    sandbox_ = true;
  }
  cgroups_ = Cgroups::Detect("hearth-" + instance_, notices);
  if (root_ && sandbox_) {
    auto network = HostNetwork::SetUp(instance_, notices);
    if (!network.ok()) return network.status();
    network_ = std::move(*network);
  }
  return absl::OkStatus();
}

void Launcher::Begin() {
  slots_ = std::make_unique<SlotPool>(&cgroups_, network_.get(), options_.warm_slots, deps_.log);
}

absl::Status Launcher::Probe() {
  const std::string remedy =
      "; without a sandbox functions are not started (--insecure-no-sandbox would run them with "
      "all rights of this user)";
  bwrap_ = FindProgram("bwrap");
  if (bwrap_.empty()) {
    return FailedPrecondition("bubblewrap is missing: apt-get install bubblewrap" + remedy);
  }
  SandboxPlan plan;
  plan.root = base_root_;
  plan.user_namespace = !root_;
  plan.uid = geteuid();
  plan.gid = getegid();
  plan.watchdog = options_.watchdog_path;
  plan.tmp_bytes = 1 << 20;
  plan.working_dir = "/";
  std::vector<std::string> argv = BwrapArguments(plan);
  argv.insert(argv.begin(), bwrap_);
  argv.insert(argv.end(), {"--", "/bin/true"});
  const auto result = RunCommand(argv, kProbeTimeoutMs);
  if (!result.ok()) {
    return FailedPrecondition(Cat("the sandbox does not work: ", Message(result.status()), remedy));
  }
  if (result->exit_status == 0) return absl::OkStatus();
  std::string hint;
  if (!root_) {
    hint =
        " (are user namespaces allowed? sysctl kernel.unprivileged_userns_clone=1, "
        "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0)";
  }
  return FailedPrecondition(Cat("the sandbox does not work: ", Trim(result->output), hint, remedy));
}

absl::StatusOr<Launcher::Code> Launcher::Fetch(const ReplicaRequest& request) {
  const model::FunctionSpec& spec = request.spec;
  Code code;
  if (!spec.runtime.empty()) {
    ASSIGN_OR_RETURN(code.runtime, deps_.runtimes->Find(spec.runtime));
  }
  if (!spec.image.empty()) {
    if (deps_.images == nullptr) return Unimplemented("spec.image: images are not enabled here");
    ASSIGN_OR_RETURN(code.image, deps_.images->Unpack(spec.image));
  }
  if (!spec.source.bundle.empty()) {
    ASSIGN_OR_RETURN(code.folder, deps_.bundles->Folder(spec.source.bundle));
  } else if (!spec.source.inline_code.empty() || !spec.source.files.empty()) {
    ASSIGN_OR_RETURN(code.folder, deps_.bundles->Materialize(spec.source, code.runtime));
  }
  return code;
}

absl::Status Launcher::WriteSecrets(const ReplicaRequest& request, const std::string& folder,
                                    std::optional<uint32_t> owner) {
  if (mkdir(folder.c_str(), 0700) != 0) return Unavailable(Cat("mkdir ", folder));
  for (const std::string& name : request.spec.secrets) {
    ASSIGN_OR_RETURN(const std::string value, deps_.secrets->Read(request.function.ns, name));
    const std::string path = Cat(folder, "/", name);
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
    if (!fd.valid() ||
        write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
      return Unavailable(Cat("cannot write the file of secret ", name));
    }
    if (owner && fchown(fd.get(), *owner, *owner) != 0) return Unavailable("chown of a secret");
  }
  if (owner && chown(folder.c_str(), *owner, *owner) != 0) return Unavailable("chown of secrets");
  return absl::OkStatus();
}

absl::StatusOr<SandboxPlan> Launcher::PlanSandbox(const ReplicaRequest& request, const Code& code,
                                                  const ReplicaPaths& paths,
                                                  const LaunchFacts& facts,
                                                  const WatchdogStart& start) {
  SandboxPlan plan;
  plan.root = base_root_;
  if (code.image) {
    plan.root = code.image->rootfs;
    plan.root_is_image = true;
    plan.resolv_conf = base_root_ + "/etc/resolv.conf";
    plan.hosts = base_root_ + "/etc/hosts";
    plan.read_only_root = request.spec.read_only_root_filesystem || !root_;
    if (!plan.read_only_root) plan.root = paths.folder + "/over/root";
    if (!root_ && !request.spec.read_only_root_filesystem) {
      plan.writable = {"/run", "/var/tmp"};
    }
  }
  plan.share_network = network_ != nullptr;
  plan.user_namespace = !root_;
  plan.uid = code.image && !root_ ? code.image->uid : geteuid();
  plan.gid = code.image && !root_ ? code.image->gid : getegid();
  plan.hostname = request.function.name;
  plan.watchdog = options_.watchdog_path;
  plan.code = code.folder;
  if (code.runtime != nullptr && fs::is_directory(code.runtime->ShimFolder())) {
    plan.shim = code.runtime->ShimFolder();
  }
  if (!request.spec.secrets.empty()) plan.secrets = paths.folder + "/secrets";
  if (gateway_.enabled()) plan.gateway_dir = gateway_.folder();
  plan.working_dir = start.working_dir.empty() ? "/" : start.working_dir;
  // What lies in /tmp is memory of the replica: half of its limit is left for its processes.
  plan.tmp_bytes = std::min(options_.tmp_bytes, facts.limits.memory_bytes / 2);
  plan.env = start.env;
  plan.command = start.command;
  return plan;
}

absl::StatusOr<LaunchedReplica> Launcher::Launch(const ReplicaRequest& request) {
  const ReplicaPaths paths = PathsOf(options_.run_dir, request.id);
  ReplicaMeta meta;
  meta.id = request.id;
  meta.function = request.function;
  meta.revision = request.revision;
  meta.capacity = request.spec.concurrency;
  if (mkdir(paths.folder.c_str(), 0700) != 0) {
    return Unavailable(Cat("cannot create ", paths.folder, ": ", strerror(errno)));
  }
  if (root_ && sandbox_) {
    meta.user = users_.Take();
    if (meta.user < 0) {
      fs::remove_all(paths.folder);
      return ResourceExhausted("no user is free for another replica");
    }
  }
  auto launched = LaunchIn(request, meta, paths);
  if (!launched.ok()) {
    users_.Release(meta.user);
    std::error_code ignored;
    fs::remove_all(paths.folder, ignored);
  }
  return launched;
}

absl::StatusOr<LaunchedReplica> Launcher::LaunchIn(const ReplicaRequest& request, ReplicaMeta meta,
                                                   const ReplicaPaths& paths) {
  ASSIGN_OR_RETURN(const Code code, Fetch(request));
  LaunchFacts facts;
  ASSIGN_OR_RETURN(facts.limits,
                   LimitsOf(request.spec.limits, options_.default_memory, options_.max_processes));
  meta.memory_bytes = facts.limits.memory_bytes;
  facts.runtime = code.runtime;
  facts.image = code.image ? &*code.image : nullptr;
  facts.sandboxed = sandbox_;
  facts.log_bytes = deps_.logs->ring_bytes();
  if (meta.user >= 0) {
    facts.run_as_uid = code.image ? code.image->uid : kFirstUser + static_cast<uint32_t>(meta.user);
    facts.run_as_gid = code.image ? code.image->gid : *facts.run_as_uid;
  }
  if (sandbox_ && gateway_.enabled()) {
    facts.gateway_socket_inside = Cat(kGatewayDirInside, "/", GatewayLink::kName);
  }
  if (!sandbox_) {
    facts.runtime_api_port = 0;
    facts.code_folder = code.folder.empty() ? paths.folder : code.folder;
    facts.shim_folder = code.runtime != nullptr ? code.runtime->ShimFolder() : "";
  }
  ASSIGN_OR_RETURN(const WatchdogStart start, PlanWatchdog(request, facts));
  ASSIGN_OR_RETURN(const UniqueFd data, ListenOn(paths.data_socket()));
  ASSIGN_OR_RETURN(const UniqueFd control, ListenOn(paths.control_socket()));
  ASSIGN_OR_RETURN(const LogRing ring, deps_.logs->OpenRing(request.function, request.id));
  const UniqueFd log_a(ring.a), log_b(ring.b);
  if (!request.spec.secrets.empty()) {
    RETURN_IF_ERROR(WriteSecrets(request, paths.folder + "/secrets", facts.run_as_uid));
  }
  UniqueFd boot_log(memfd_create("boot", MFD_CLOEXEC));
  ASSIGN_OR_RETURN(std::unique_ptr<Slot> slot, slots_->Take());
  RETURN_IF_ERROR(cgroups_.SetLimits(slot->cgroup(), facts.limits));
  meta.cgroup = slot->cgroup().name;
  meta.network = slot->network_index();
  RETURN_IF_ERROR(WriteMeta(paths.folder, meta));

  SpawnPlan spawn;
  spawn.descriptors = {{boot_log.get(), 1}, {boot_log.get(), 2}, {data.get(), 3},
                       {control.get(), 4},  {log_a.get(), 5},    {log_b.get(), 6}};
  if (!cgroups_.limits_memory()) {
    spawn.rlimits.emplace_back(RLIMIT_DATA,
                               rlimit{facts.limits.memory_bytes, facts.limits.memory_bytes});
  }
  if (!cgroups_.limits_processes() && !root_) {
    spawn.rlimits.emplace_back(RLIMIT_NPROC, rlimit{4096, 4096});
  }
  spawn.rlimits.emplace_back(RLIMIT_CORE, rlimit{0, 0});
  spawn.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HEARTH_REPLICA_MARK=" + meta.id.value()};
  UniqueFd arguments, info_read, info_write;
  std::function<absl::Status()> before;
  if (sandbox_) {
    ASSIGN_OR_RETURN(SandboxPlan plan, PlanSandbox(request, code, paths, facts, start));
    plan.memory_accounting = cgroups_.MemoryFolder(slot->cgroup());
    plan.memory_accounting_inside = cgroups_.MemoryFolderInside();
    ASSIGN_OR_RETURN(arguments, MemoryFile(NulSeparated(BwrapArguments(plan))));
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0) return Unavailable("pipe");
    info_read.Reset(pipes[0]);
    info_write.Reset(pipes[1]);
    spawn.descriptors.emplace_back(arguments.get(), kArgumentsFd);
    spawn.descriptors.emplace_back(info_write.get(), kInfoFd);
    spawn.argv = {bwrap_, "--args", Cat(kArgumentsFd), "--info-fd", Cat(kInfoFd)};
    const std::vector<std::string> command = SandboxedCommand(plan);
    spawn.argv.insert(spawn.argv.end(), command.begin(), command.end());
    if (plan.root_is_image && !plan.read_only_root) {
      const std::string over = paths.folder + "/over";
      mkdir(over.c_str(), 0700);
      before = [lower = code.image->rootfs, over, bytes = plan.tmp_bytes] {
        return MountOverlay(lower, over, bytes);
      };
    }
  } else {
    for (const auto& [name, value] : start.env) spawn.env.push_back(Cat(name, "=", value));
    spawn.argv = {options_.watchdog_path};
    if (!start.command.empty()) spawn.argv.push_back("--");
    spawn.argv.insert(spawn.argv.end(), start.command.begin(), start.command.end());
  }
  ASSIGN_OR_RETURN(SpawnedProcess process, slot->Launch(spawn, before != nullptr, before));
  const MonotonicTime started = deps_.clock->Now();
  info_write.Reset();
  meta.pid = process.pid;
  meta.start_time = StartTimeOf(meta.pid);
  if (sandbox_) meta.inner_pid = ReadChildPid(info_read.get());
  meta.inner_start_time = StartTimeOf(meta.inner_pid);
  (void)WriteMeta(paths.folder, meta);
  return LaunchedReplica{std::move(meta), std::move(process.pidfd), std::move(boot_log), started};
}

void Launcher::Adopt(const ReplicaMeta& meta) {
  users_.Adopt(meta.user);
  if (network_ != nullptr) network_->Adopt(meta.network);
}

}  // namespace hearth::controller
