// The end of a replica: every process, group, address and file of it.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "controller/backend/local/launcher.h"
#include "controller/backend/local/replica_folder.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

constexpr int kPollMs = 5;
constexpr int kOuterMs = 100;  // for the outer process to see that the inner one has ended
constexpr int kEndTimeoutMs = 10'000;

void Pause(int milliseconds) { poll(nullptr, 0, milliseconds); }

// parent → children, of all processes that are visible here.
std::multimap<pid_t, pid_t> ProcessTree() {
  std::multimap<pid_t, pid_t> tree;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = ParseInt(entry.path().filename().string());
    if (!pid) continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    std::getline(in, line);
    const size_t end = line.rfind(')');
    if (end == std::string::npos) continue;
    const auto fields = SplitFields(std::string_view(line).substr(end + 1));
    if (fields.size() < 2) continue;
    tree.emplace(static_cast<pid_t>(ParseInt(fields[1]).value_or(0)), static_cast<pid_t>(*pid));
  }
  return tree;
}

void AddDescendants(const std::multimap<pid_t, pid_t>& tree, pid_t pid, std::vector<pid_t>* out) {
  const auto [begin, end] = tree.equal_range(pid);
  for (auto it = begin; it != end; ++it) {
    out->push_back(it->second);
    AddDescendants(tree, it->second, out);
  }
}

// The outer process of a replica whose id was never written down: it carries a mark.
pid_t FindByMark(const ReplicaId& id) {
  const std::string mark = "HEARTH_REPLICA_MARK=" + id.value();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = ParseInt(entry.path().filename().string());
    if (!pid) continue;
    std::ifstream in(entry.path() / "environ", std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    const std::string environment = text.str();
    for (std::string_view variable : Split(environment, '\0')) {
      if (variable == mark) return static_cast<pid_t>(*pid);
    }
  }
  return 0;
}

constexpr size_t kMaxBootOutput = 2000;

std::string LastPart(const UniqueFd& file) {
  std::string text(64 * kMaxBootOutput, '\0');
  const ssize_t n = file.valid() ? pread(file.get(), text.data(), text.size(), 0) : 0;
  const std::string_view all =
      Trim(std::string_view(text).substr(0, n > 0 ? static_cast<size_t>(n) : 0));
  return std::string(all.substr(all.size() - std::min(all.size(), kMaxBootOutput)));
}

std::string Describe(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) {
    const int status = info.si_status;
    if (status > 128) return Cat("signal: ", strsignal(status - 128));
    return Cat("exit status ", status);
  }
  return Cat("signal: ", strsignal(info.si_status));
}

}  // namespace

std::vector<pid_t> Launcher::ProcessesOf(const ReplicaMeta& meta) const {
  std::vector<pid_t> out;
  if (!meta.cgroup.empty()) {
    for (const int pid : cgroups_.Processes({meta.cgroup})) {
      if (pid != meta.pid) out.push_back(pid);
    }
  }
  if (IsAlive(meta.inner_pid, meta.inner_start_time)) out.push_back(meta.inner_pid);
  if (IsAlive(meta.helper_pid, meta.helper_start_time)) out.push_back(meta.helper_pid);
  // Without a process namespace (or its first process unknown) only the tree tells who belongs.
  if (meta.inner_pid == 0 && IsAlive(meta.pid, meta.start_time)) {
    AddDescendants(ProcessTree(), meta.pid, &out);
  }
  return out;
}

void Launcher::KillAll(const ReplicaMeta& meta) {
  for (const pid_t pid : ProcessesOf(meta)) kill(pid, SIGKILL);
  // Its outer process ends by itself; without a sandbox this is the watchdog.
  if (meta.inner_pid == 0 && IsAlive(meta.pid, meta.start_time)) kill(meta.pid, SIGKILL);
}

ExitReport Launcher::CleanUp(const ReplicaMeta& meta, const UniqueFd& pidfd,
                             const UniqueFd& boot_log) {
  ExitReport report;
  // A process that is about to end by itself gets the moment to say how.
  if (pidfd.valid()) {
    pollfd wait{pidfd.get(), POLLIN, 0};
    poll(&wait, 1, 100);
  }
  for (int waited = 0; waited < kEndTimeoutMs; waited += kPollMs) {
    siginfo_t info{};
    if (pidfd.valid() && report.reason.empty() &&
        waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd.get()), &info,
               WEXITED | WNOHANG) == 0 &&
        info.si_pid != 0) {
      report.reason = Describe(info);
    }
    const auto left = ProcessesOf(meta);
    const bool outer = IsAlive(meta.pid, meta.start_time);
    if (left.empty() && !outer) break;
    for (const pid_t pid : left) kill(pid, SIGKILL);
    if (left.empty() && waited > kOuterMs) kill(meta.pid, SIGKILL);
    Pause(kPollMs);
  }
  if (!meta.cgroup.empty()) {
    report.out_of_memory = cgroups_.OomKills({meta.cgroup}) > 0;
    for (int i = 0; i < 200 && !cgroups_.Remove({meta.cgroup}).ok(); ++i) Pause(kPollMs);
  }
  if (meta.helper_pid > 0) waitpid(meta.helper_pid, nullptr, WNOHANG);
  if (network_ != nullptr) network_->Release(meta.network);
  users_.Release(meta.user);
  const ReplicaPaths paths = PathsOf(options_.run_dir, meta.id);
  report.boot_output = LastPart(boot_log);
  std::error_code ignored;
  fs::remove_all(paths.folder, ignored);
  return report;
}

void Launcher::CleanUpUnknown(const std::vector<ReplicaMeta>& live) {
  std::set<std::string> folders, groups;
  for (const ReplicaMeta& meta : live) {
    folders.insert(meta.id.value());
    groups.insert(meta.cgroup);
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.run_dir + "/r", error)) {
    const std::string name = entry.path().filename().string();
    if (folders.count(name) > 0) continue;
    auto meta = ReadMeta(entry.path().string());
    if (!meta.ok()) meta = ReplicaMeta{};
    meta->id = ReplicaId(name);
    if (meta->pid == 0) {
      meta->pid = FindByMark(meta->id);
      meta->start_time = StartTimeOf(meta->pid);
    }
    KillAll(*meta);
    (void)CleanUp(*meta, UniqueFd(), UniqueFd());
    deps_.log.Info("removed what was left of a replica", {{"replica", name}});
  }
  for (const std::string& group : cgroups_.List()) {
    if (groups.count(group) > 0) continue;
    for (int i = 0; i < 200 && !cgroups_.Remove({group}).ok(); ++i) Pause(kPollMs);
  }
}

void Launcher::TearDown() {
  slots_.reset();
  CleanUpUnknown({});
  cgroups_.RemoveRoot();
  RemoveReplicaFolder(options_.run_dir, fast_folder_);
  if (network_ != nullptr) network_->TearDown();
}

}  // namespace hearth::controller
