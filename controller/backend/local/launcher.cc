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
constexpr int kBlockFd = 9;

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

absl::Status MakePipe(UniqueFd* read_end, UniqueFd* write_end) {
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0) return Unavailable(Cat("pipe: ", strerror(errno)));
  read_end->Reset(pipes[0]);
  write_end->Reset(pipes[1]);
  return absl::OkStatus();
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
  for (const char* name : {"/upper", "/work", "/root"}) {
    const std::string made = folder + name;
    // The mode again, whatever the umask: the upper folder's is the one of the replica's root.
    if (mkdir(made.c_str(), 0755) != 0 || chmod(made.c_str(), 0755) != 0) {
      return Unavailable(Cat("cannot make ", made, ": ", strerror(errno)));
    }
  }
  const std::string layers =
      Cat("lowerdir=", lower, ",upperdir=", folder, "/upper,workdir=", folder, "/work");
  if (mount("overlay", (folder + "/root").c_str(), "overlay", 0, layers.c_str()) != 0) {
    return Unavailable(Cat("overlay file system: ", strerror(errno)));
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  return path.empty() ? "" : path.substr(0, path.rfind('/'));
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
      gateway_folder_(FolderOf(options.gateway_socket)),
      users_(kUsers) {}

Launcher::~Launcher() = default;

absl::Status Launcher::SetUp(std::vector<std::string>* notices) {
  std::error_code ignored;
  fs::create_directories(options_.run_dir, ignored);
  if (access(options_.watchdog_path.c_str(), X_OK) != 0) {
    return FailedPrecondition(Cat("the watchdog ", options_.watchdog_path,
                                  " cannot be executed; is the installation complete?"));
  }
  // Whatever is in that folder, every function sees.
  if (!gateway_folder_.empty() && (options_.run_dir + "/").starts_with(gateway_folder_ + "/")) {
    return FailedPrecondition(Cat("the gateway's socket for functions, ", options_.gateway_socket,
                                  ", must be in a folder of its own; set --gateway-socket"));
  }
  if (!gateway_folder_.empty() && mkdir(gateway_folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return Unavailable(Cat("cannot make ", gateway_folder_, ": ", strerror(errno)));
  }
  RETURN_IF_ERROR(BuildBaseRoot({base_root_, kFirstUser, root_ ? kNamedUsers : 0}));
  if (options_.insecure_no_sandbox) {
    notices->push_back(
        "NO SANDBOX (--insecure-no-sandbox): functions can read and change whatever this user can");
  } else {
    RETURN_IF_ERROR(Probe());
    sandbox_ = true;
    if (!root_) RETURN_IF_ERROR(ProbeUserSandbox(notices));
  }
  cgroups_ = Cgroups::Detect("hearth-" + instance_, notices);
  if (root_ && sandbox_) {
    auto network = HostNetwork::SetUp(instance_, notices);
    if (!network.ok()) return network.status();
    network_ = std::move(*network);
  }
  ASSIGN_OR_RETURN(fast_folder_, MakeReplicaFolder(options_.run_dir, instance_));
  return absl::OkStatus();
}

void Launcher::Begin() {
  slots_ = std::make_unique<SlotPool>(&cgroups_, network_.get(), options_.warm_slots, deps_.log);
}

absl::Status Launcher::Probe() {
  const std::string remedy =
      "; without a sandbox functions are not started (--insecure-no-sandbox would run them with "
      "all rights of this user)";
  bwrap_ = options_.bwrap_path.empty() ? FindProgram("bwrap") : options_.bwrap_path;
  if (bwrap_.empty() || access(bwrap_.c_str(), X_OK) != 0) {
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

absl::Status Launcher::ProbeUserSandbox(std::vector<std::string>* notices) {
  const std::string folder = options_.run_dir + "/probe";
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  user_sandbox_ = UserSandbox::Probe(bwrap_, folder, notices);
  fs::remove_all(folder, ignored);
  if (!user_sandbox_.has_egress()) return absl::OkStatus();
  return SetResolvConf(base_root_, kSlirpResolvConf);
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

// What is known and made for one launch, in the order in which it comes about.
struct Launcher::Preparation {
  Preparation(const ReplicaRequest& r, ReplicaPaths p) : request(r), paths(std::move(p)) {}

  const ReplicaRequest& request;
  const ReplicaPaths paths;
  ReplicaMeta meta;
  Code code;
  LaunchFacts facts;
  WatchdogStart start;
  UniqueFd data, control, log_a, log_b, boot_log;
  std::unique_ptr<Slot> slot;
  SpawnPlan spawn;
  UniqueFd arguments, info_read, info_write, block_read, block_write;
  std::function<absl::Status()> before;  // in the slot, before the process starts
};

absl::Status Launcher::PlanLaunch(Preparation& launch) {
  const ReplicaRequest& request = launch.request;
  ASSIGN_OR_RETURN(launch.code, Fetch(request));
  const Code& code = launch.code;
  LaunchFacts& facts = launch.facts;
  ASSIGN_OR_RETURN(facts.limits,
                   LimitsOf(request.spec.limits, options_.default_memory, options_.max_processes));
  launch.meta.memory_bytes = facts.limits.memory_bytes;
  facts.runtime = code.runtime;
  facts.image = code.image ? &*code.image : nullptr;
  facts.sandboxed = sandbox_;
  facts.log_bytes = deps_.logs->ring_bytes();
  if (launch.meta.user >= 0) {
    const uint32_t user = kFirstUser + static_cast<uint32_t>(launch.meta.user);
    facts.run_as_uid = code.image ? code.image->uid : user;
    facts.run_as_gid = code.image ? code.image->gid : user;
  }
  if (sandbox_ && !gateway_folder_.empty()) {
    facts.gateway_socket_inside =
        Cat(kGatewayDirInside, options_.gateway_socket.substr(gateway_folder_.size()));
  }
  if (!sandbox_) {
    facts.runtime_api_port = 0;
    facts.code_folder = code.folder.empty() ? launch.paths.folder : code.folder;
    facts.shim_folder = code.runtime != nullptr ? code.runtime->ShimFolder() : "";
  }
  ASSIGN_OR_RETURN(launch.start, PlanWatchdog(request, facts));
  return absl::OkStatus();
}

absl::Status Launcher::MakeFiles(Preparation& launch) {
  ASSIGN_OR_RETURN(launch.data, ListenOn(launch.paths.data_socket()));
  ASSIGN_OR_RETURN(launch.control, ListenOn(launch.paths.control_socket()));
  ASSIGN_OR_RETURN(const LogRing ring,
                   deps_.logs->OpenRing(launch.request.function, launch.request.id));
  launch.log_a.Reset(ring.a);
  launch.log_b.Reset(ring.b);
  launch.boot_log.Reset(memfd_create("boot", MFD_CLOEXEC));
  if (launch.request.spec.secrets.empty()) return absl::OkStatus();
  return WriteSecrets(launch);
}

absl::Status Launcher::WriteSecrets(const Preparation& launch) {
  const std::string folder = launch.paths.folder + "/secrets";
  const std::optional<uint32_t> owner = launch.facts.run_as_uid;
  if (mkdir(folder.c_str(), 0700) != 0) return Unavailable(Cat("mkdir ", folder));
  for (const std::string& name : launch.request.spec.secrets) {
    ASSIGN_OR_RETURN(const std::string value,
                     deps_.secrets->Read(launch.request.function.ns, name));
    const std::string path = Cat(folder, "/", name);
    const UniqueFd fd(
        open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
    if (!fd.valid() ||
        write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
      return Unavailable(Cat("cannot write the file of secret ", name));
    }
    if (owner && fchown(fd.get(), *owner, *owner) != 0) return Unavailable("chown of a secret");
  }
  if (owner && chown(folder.c_str(), *owner, *owner) != 0) return Unavailable("chown of secrets");
  return absl::OkStatus();
}

absl::Status Launcher::TakePlace(Preparation& launch) {
  ASSIGN_OR_RETURN(launch.slot, slots_->Take());
  RETURN_IF_ERROR(cgroups_.SetLimits(launch.slot->cgroup(), launch.facts.limits));
  launch.meta.cgroup = launch.slot->cgroup().name;
  launch.meta.network = launch.slot->network_index();
  RETURN_IF_ERROR(WriteMeta(launch.paths.folder, launch.meta));
  SpawnPlan& spawn = launch.spawn;
  spawn.descriptors = {{launch.boot_log.get(), 1}, {launch.boot_log.get(), 2},
                       {launch.data.get(), 3},     {launch.control.get(), 4},
                       {launch.log_a.get(), 5},    {launch.log_b.get(), 6}};
  if (!cgroups_.limits_memory()) {
    const rlim_t bytes = launch.facts.limits.memory_bytes;
    spawn.rlimits.emplace_back(RLIMIT_DATA, rlimit{bytes, bytes});
  }
  spawn.rlimits.emplace_back(RLIMIT_CORE, rlimit{0, 0});
  spawn.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
               "HEARTH_REPLICA_MARK=" + launch.meta.id.value()};
  return absl::OkStatus();
}

SandboxPlan Launcher::PlanSandbox(const Preparation& launch) const {
  const Code& code = launch.code;
  const model::FunctionSpec& spec = launch.request.spec;
  SandboxPlan plan;
  plan.root = base_root_;
  // What lies in /tmp is memory of the replica: half of its limit is left for its processes.
  plan.tmp_bytes = std::min(options_.tmp_bytes, launch.facts.limits.memory_bytes / 2);
  if (code.image) {
    plan.root_is_image = true;
    plan.resolv_conf = base_root_ + "/etc/resolv.conf";
    plan.hosts = base_root_ + "/etc/hosts";
    const bool overlay = root_ || user_sandbox_.has_overlay();
    plan.read_only_root = spec.read_only_root_filesystem || !overlay;
    plan.root = plan.read_only_root ? code.image->rootfs : launch.paths.folder + "/over/root";
    if (!overlay && !spec.read_only_root_filesystem) plan.writable = {"/run", "/var/tmp"};
  }
  plan.share_network = network_ != nullptr;
  plan.user_namespace = !root_;
  plan.uid = code.image && !root_ ? code.image->uid : geteuid();
  plan.gid = code.image && !root_ ? code.image->gid : getegid();
  plan.hostname = launch.request.function.name;
  plan.watchdog = options_.watchdog_path;
  plan.code = code.folder;
  if (code.runtime != nullptr && fs::is_directory(code.runtime->ShimFolder())) {
    plan.shim = code.runtime->ShimFolder();
  }
  if (!spec.secrets.empty()) plan.secrets = launch.paths.folder + "/secrets";
  plan.gateway_dir = gateway_folder_;
  plan.memory_accounting = cgroups_.MemoryFolder(launch.slot->cgroup());
  plan.memory_accounting_inside = cgroups_.MemoryFolderInside();
  plan.working_dir = launch.start.working_dir.empty() ? "/" : launch.start.working_dir;
  plan.env = launch.start.env;
  plan.command = launch.start.command;
  return plan;
}

absl::Status Launcher::PrepareSandbox(Preparation& launch) {
  const SandboxPlan plan = PlanSandbox(launch);
  SpawnPlan& spawn = launch.spawn;
  ASSIGN_OR_RETURN(launch.arguments, MemoryFile(NulSeparated(BwrapArguments(plan))));
  RETURN_IF_ERROR(MakePipe(&launch.info_read, &launch.info_write));
  spawn.descriptors.emplace_back(launch.arguments.get(), kArgumentsFd);
  spawn.descriptors.emplace_back(launch.info_write.get(), kInfoFd);
  spawn.argv = {bwrap_, "--args", Cat(kArgumentsFd), "--info-fd", Cat(kInfoFd)};
  if (!root_) {
    RETURN_IF_ERROR(MakePipe(&launch.block_read, &launch.block_write));
    spawn.descriptors.emplace_back(launch.block_read.get(), kBlockFd);
    spawn.argv.insert(spawn.argv.end(), {"--block-fd", Cat(kBlockFd)});
  }
  const std::vector<std::string> command = SandboxedCommand(plan);
  spawn.argv.insert(spawn.argv.end(), command.begin(), command.end());
  if (!plan.root_is_image || plan.read_only_root) return absl::OkStatus();

  const std::string over = launch.paths.folder + "/over";
  const std::string lower = launch.code.image->rootfs;
  mkdir(over.c_str(), 0700);
  if (root_) {
    launch.before = [lower, over, bytes = plan.tmp_bytes] {
      return MountOverlay(lower, over, bytes);
    };
  } else {
    spawn.argv = UserSandbox::WithOverlay(spawn.argv, lower, over, plan.tmp_bytes);
  }
  return absl::OkStatus();
}

void Launcher::PrepareWithoutSandbox(Preparation& launch) {
  SpawnPlan& spawn = launch.spawn;
  for (const auto& [name, value] : launch.start.env) spawn.env.push_back(Cat(name, "=", value));
  spawn.working_dir = launch.start.working_dir;
  spawn.argv = {options_.watchdog_path};
  const std::vector<std::string>& command = launch.start.command;
  if (!command.empty()) spawn.argv.push_back("--");
  spawn.argv.insert(spawn.argv.end(), command.begin(), command.end());
}

// An ordinary user's sandbox waits until its process limit and its network are there.
void Launcher::SetUpFromOutside(Preparation& launch) {
  ReplicaMeta& meta = launch.meta;
  if (!cgroups_.limits_processes()) {
    const absl::Status limited = LimitProcesses(meta.inner_pid, options_.max_processes);
    if (!limited.ok()) deps_.log.Warn("process limit", {{"error", Message(limited)}});
  }
  if (user_sandbox_.has_egress()) {
    const auto helper = user_sandbox_.StartEgress(meta.inner_pid);
    if (helper.ok()) {
      meta.helper_pid = helper->pid;
      meta.helper_start_time = StartTimeOf(helper->pid);
    } else {
      deps_.log.Warn("network of a replica", {{"error", Message(helper.status())}});
    }
  }
  launch.block_write.Reset();
}

absl::StatusOr<LaunchedReplica> Launcher::StartProcess(Preparation& launch) {
  ASSIGN_OR_RETURN(SpawnedProcess process,
                   launch.slot->Launch(launch.spawn, launch.before != nullptr, launch.before));
  const MonotonicTime started = deps_.clock->Now();
  launch.info_write.Reset();
  launch.block_read.Reset();
  ReplicaMeta& meta = launch.meta;
  meta.pid = process.pid;
  meta.start_time = StartTimeOf(meta.pid);
  if (sandbox_) meta.inner_pid = ReadChildPid(launch.info_read.get());
  meta.inner_start_time = StartTimeOf(meta.inner_pid);
  if (launch.block_write.valid()) SetUpFromOutside(launch);
  (void)WriteMeta(launch.paths.folder, meta);
  return LaunchedReplica{std::move(meta), std::move(process.pidfd), std::move(launch.boot_log),
                         started};
}

absl::StatusOr<LaunchedReplica> Launcher::Launch(const ReplicaRequest& request) {
  Preparation launch(request, PathsOf(options_.run_dir, request.id));
  ReplicaMeta& meta = launch.meta;
  meta.id = request.id;
  meta.function = request.function;
  meta.revision = request.revision;
  meta.capacity = request.spec.concurrency;
  const std::string& folder = launch.paths.folder;
  if (mkdir(folder.c_str(), 0700) != 0) {
    return Unavailable(Cat("cannot create ", folder, ": ", strerror(errno)));
  }
  if (root_ && sandbox_) meta.user = users_.Take();
  const auto run = [&]() -> absl::StatusOr<LaunchedReplica> {
    if (root_ && sandbox_ && meta.user < 0) return ResourceExhausted("no user is free");
    RETURN_IF_ERROR(PlanLaunch(launch));
    RETURN_IF_ERROR(MakeFiles(launch));
    RETURN_IF_ERROR(TakePlace(launch));
    if (sandbox_) {
      RETURN_IF_ERROR(PrepareSandbox(launch));
    } else {
      PrepareWithoutSandbox(launch);
    }
    return StartProcess(launch);
  };
  const int user = meta.user;
  auto launched = run();
  if (!launched.ok()) {
    users_.Release(user);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  return launched;
}

void Launcher::Adopt(const ReplicaMeta& meta) {
  users_.Adopt(meta.user);
  if (network_ != nullptr) network_->Adopt(meta.network);
}

}  // namespace hearth::controller
