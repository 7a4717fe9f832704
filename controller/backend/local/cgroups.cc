#include "controller/backend/local/cgroups.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr const char* kControllers[] = {"memory", "cpu", "pids"};
constexpr uint64_t kCpuPeriodUs = 100'000;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

absl::Status WriteFile(const std::string& path, std::string_view text) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() ||
      write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Unavailable(Cat(path, ": ", strerror(errno)));
  }
  return absl::OkStatus();
}

bool Contains(std::string_view list, std::string_view item, char separator) {
  const auto parts = Split(list, separator);
  return std::find(parts.begin(), parts.end(), item) != parts.end();
}

uint64_t NumberAfter(std::string_view text, std::string_view key) {
  for (std::string_view line : Split(text, '\n')) {
    const auto fields = SplitFields(line);
    if (fields.size() == 2 && fields[0] == key) return ParseUint(fields[1]).value_or(0);
  }
  return 0;
}

bool MakeFolder(const std::string& path) {
  return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

// The folder that this process is in, or the hierarchy's top where that path is not visible here.
std::string OwnFolder(std::string_view mountinfo, std::string_view self,
                      std::string_view controller) {
  const CgroupMount mount = CgroupMountOf(mountinfo, controller);
  if (mount.point.empty()) return {};
  std::string path = CgroupPathOf(self, controller);
  if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
  std::string folder = path == "/" ? mount.point : mount.point + path;
  return access(folder.c_str(), F_OK) == 0 ? folder : mount.point;
}

// Version 2 forbids processes beside children that have controllers. A delegated group (systemd's
// Delegate=yes) holds only this platform, so the platform's processes move into a leaf of it.
bool EnableControllers(const std::string& folder, const std::vector<std::string>& controllers) {
  std::string request;
  for (const std::string& c : controllers) request += "+" + c + " ";
  if (WriteFile(folder + "/cgroup.subtree_control", request).ok()) return true;
  const std::string leaf = folder + "/platform";
  if (!MakeFolder(leaf)) return false;
  for (std::string_view pid : SplitFields(ReadFile(folder + "/cgroup.procs"))) {
    (void)WriteFile(leaf + "/cgroup.procs", pid);
  }
  return WriteFile(folder + "/cgroup.subtree_control", request).ok();
}

}  // namespace

std::string CgroupPathOf(std::string_view proc_cgroup, std::string_view controller) {
  for (std::string_view line : Split(proc_cgroup, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const bool match = controller.empty() ? line.substr(0, first) == "0" && names.empty()
                                          : Contains(names, controller, ',');
    if (match) return std::string(line.substr(second + 1));
  }
  return {};
}

CgroupMount CgroupMountOf(std::string_view mountinfo, std::string_view controller) {
  for (std::string_view line : Split(mountinfo, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto left = SplitFields(line.substr(0, dash));
    const auto right = SplitFields(line.substr(dash + 3));
    if (left.size() < 5 || right.size() < 3) continue;
    const bool match = controller.empty()
                           ? right[0] == "cgroup2"
                           : right[0] == "cgroup" && Contains(right[2], controller, ',');
    if (match) return {std::string(left[3]), std::string(left[4])};
  }
  return {};
}

Cgroups Cgroups::Detect(const std::string& instance, std::vector<std::string>* notices) {
  Cgroups out;
  const std::string mounts = ReadFile("/proc/self/mountinfo");
  const std::string self = ReadFile("/proc/self/cgroup");

  const std::string own2 = OwnFolder(mounts, self, "");
  std::vector<std::string> candidates;
  if (!own2.empty()) candidates.push_back(own2);
  const std::string top2 = CgroupMountOf(mounts, "").point;
  if (!top2.empty() && top2 != own2 && geteuid() == 0) candidates.push_back(top2);
  // Another platform's leaf: the group above it is the delegated one.
  if (own2.ends_with("/platform")) candidates[0] = own2.substr(0, own2.rfind('/'));
  for (const std::string& folder : candidates) {
    const std::string offered = ReadFile(folder + "/cgroup.controllers");
    std::vector<std::string> controllers;
    for (const char* c : kControllers) {
      const auto fields = SplitFields(offered);
      if (std::find(fields.begin(), fields.end(), c) != fields.end()) controllers.emplace_back(c);
    }
    // Taking over a group that others live in (a login session's) would move their processes.
    const bool shared = folder == own2 && folder != top2 && geteuid() == 0 &&
                        folder.find(".service") == std::string::npos &&
                        !own2.ends_with("/platform");
    if (controllers.empty() || shared) continue;
    if (access((folder + "/cgroup.procs").c_str(), W_OK) != 0) continue;
    if (!EnableControllers(folder, controllers)) continue;
    const std::string mine = folder + "/" + instance;
    if (!MakeFolder(mine) || !EnableControllers(mine, controllers)) continue;
    out.v2_ = true;
    out.v2_folder_ = mine;
    out.v2_controllers_ = controllers;
    break;
  }
  if (!out.v2_) {
    for (const char* c : kControllers) {
      const std::string own = OwnFolder(mounts, self, c);
      if (own.empty()) continue;
      const std::string mine = own + "/" + instance;
      if (!MakeFolder(mine) || access((mine + "/tasks").c_str(), W_OK) != 0) continue;
      out.v1_.push_back({c, mine});
    }
  }
  const auto missing = [&](bool there, std::string_view what, std::string_view instead) {
    if (there) return;
    notices->push_back(Cat("no control group for ", what, ": ", instead,
                           "; run as root, or as a service with Delegate=yes"));
  };
  missing(out.limits_memory(), "memory",
          "each process of a replica is limited by itself, not the replica as a whole");
  missing(out.limits_processes(), "processes", "the number of processes is limited for the user");
  missing(out.limits_cpu(), "CPU", "spec.limits.cpu has no effect");
  return out;
}

bool Cgroups::limits_memory() const { return !Folder("memory", {"x"}).empty(); }
bool Cgroups::limits_processes() const { return !Folder("pids", {"x"}).empty(); }
bool Cgroups::limits_cpu() const { return !Folder("cpu", {"x"}).empty(); }

std::string Cgroups::Folder(std::string_view controller, const Cgroup& group) const {
  if (group.empty()) return {};
  if (v2_) {
    const bool there = std::find(v2_controllers_.begin(), v2_controllers_.end(), controller) !=
                       v2_controllers_.end();
    return there ? v2_folder_ + "/" + group.name : "";
  }
  for (const Hierarchy& h : v1_) {
    if (h.controller == controller) return h.folder + "/" + group.name;
  }
  return {};
}

absl::StatusOr<Cgroup> Cgroups::Create(const std::string& name) const {
  std::set<std::string> folders;
  if (v2_) folders.insert(v2_folder_ + "/" + name);
  for (const Hierarchy& h : v1_) folders.insert(h.folder + "/" + name);
  for (const std::string& folder : folders) {
    if (!MakeFolder(folder)) return Unavailable(Cat("mkdir ", folder, ": ", strerror(errno)));
  }
  return Cgroup{name};
}

absl::Status Cgroups::SetLimits(const Cgroup& group, const ReplicaLimits& limits) const {
  const std::string memory = Folder("memory", group);
  const std::string pids = Folder("pids", group);
  const std::string cpu = Folder("cpu", group);
  const std::string quota = Cat(limits.cpu_millis * kCpuPeriodUs / 1000);
  if (!memory.empty() && v2_) {
    RETURN_IF_ERROR(WriteFile(memory + "/memory.max", Cat(limits.memory_bytes)));
    (void)WriteFile(memory + "/memory.swap.max", "0");
  } else if (!memory.empty()) {
    RETURN_IF_ERROR(WriteFile(memory + "/memory.limit_in_bytes", Cat(limits.memory_bytes)));
    (void)WriteFile(memory + "/memory.memsw.limit_in_bytes", Cat(limits.memory_bytes));
  }
  if (!pids.empty()) {
    RETURN_IF_ERROR(WriteFile(pids + "/pids.max", Cat(limits.max_processes)));
  }
  if (!cpu.empty() && limits.cpu_millis > 0) {
    if (v2_) {
      RETURN_IF_ERROR(WriteFile(cpu + "/cpu.max", Cat(quota, " ", kCpuPeriodUs)));
    } else {
      RETURN_IF_ERROR(WriteFile(cpu + "/cpu.cfs_quota_us", quota));
    }
  }
  return absl::OkStatus();
}

absl::Status Cgroups::JoinThread(const Cgroup& group) const {
  for (const Hierarchy& h : v1_) {
    RETURN_IF_ERROR(WriteFile(Cat(h.folder, "/", group.name, "/tasks"), Cat(syscall(SYS_gettid))));
  }
  return absl::OkStatus();
}

UniqueFd Cgroups::BirthFd(const Cgroup& group) const {
  if (!v2_ || group.empty()) return {};
  return UniqueFd(
      open((v2_folder_ + "/" + group.name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

uint64_t Cgroups::OomKills(const Cgroup& group) const {
  const std::string folder = Folder("memory", group);
  if (folder.empty()) return 0;
  return NumberAfter(ReadFile(folder + (v2_ ? "/memory.events" : "/memory.oom_control")),
                     "oom_kill");
}

std::vector<int> Cgroups::Processes(const Cgroup& group) const {
  std::set<int> pids;
  std::vector<std::string> folders;
  if (v2_) folders.push_back(v2_folder_);
  for (const Hierarchy& h : v1_) folders.push_back(h.folder);
  for (const std::string& folder : folders) {
    const std::string text = ReadFile(Cat(folder, "/", group.name, "/cgroup.procs"));
    for (std::string_view pid : SplitFields(text)) {
      const int64_t value = ParseInt(pid).value_or(0);
      if (value > 0 && value != getpid()) pids.insert(static_cast<int>(value));
    }
  }
  return {pids.begin(), pids.end()};
}

absl::Status Cgroups::Remove(const Cgroup& group) const {
  if (group.empty()) return absl::OkStatus();
  for (const int pid : Processes(group)) kill(pid, SIGKILL);
  std::vector<std::string> folders;
  if (v2_) folders.push_back(v2_folder_);
  for (const Hierarchy& h : v1_) folders.push_back(h.folder);
  for (const std::string& folder : folders) {
    const std::string path = Cat(folder, "/", group.name);
    if (rmdir(path.c_str()) != 0 && errno != ENOENT) {
      return Unavailable(Cat("rmdir ", path, ": ", strerror(errno)));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> Cgroups::List() const {
  std::set<std::string> names;
  std::vector<std::string> folders;
  if (v2_) folders.push_back(v2_folder_);
  for (const Hierarchy& h : v1_) folders.push_back(h.folder);
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.is_directory(error)) names.insert(entry.path().filename().string());
    }
  }
  names.erase("platform");
  return {names.begin(), names.end()};
}

void Cgroups::RemoveRoot() const {
  if (v2_) rmdir(v2_folder_.c_str());
  for (const Hierarchy& h : v1_) rmdir(h.folder.c_str());
}

}  // namespace hearth::controller
