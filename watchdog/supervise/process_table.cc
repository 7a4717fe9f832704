#include "watchdog/supervise/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "core/base/unique_fd.h"

namespace hearth::watchdog {
namespace {

// Adds to `members` whoever has a member as parent, until nobody is left.
void AddDescendants(const std::vector<ProcessEntry>& table, std::set<pid_t>* members) {
  for (bool grew = true; grew;) {
    grew = false;
    for (const ProcessEntry& e : table) {
      if (members->contains(e.parent) && members->insert(e.pid).second) grew = true;
    }
  }
}

std::set<pid_t> Members(const std::vector<ProcessEntry>& table, pid_t root) {
  std::set<pid_t> members{root};
  for (const ProcessEntry& e : table) {
    if (e.session == root || e.group == root) members.insert(e.pid);
  }
  AddDescendants(table, &members);
  return members;
}

}  // namespace

std::optional<ProcessEntry> ParseStat(std::string_view line) {
  const size_t close = line.rfind(')');
  if (close == std::string_view::npos) return std::nullopt;
  ProcessEntry e;
  e.pid = static_cast<pid_t>(std::strtol(line.data(), nullptr, 10));
  const std::string rest(line.substr(close + 1));
  if (std::sscanf(rest.c_str(), " %c %d %d %d", &e.state, &e.parent, &e.group, &e.session) != 4 ||
      e.pid <= 0) {
    return std::nullopt;
  }
  return e;
}

std::vector<pid_t> TreeOf(const std::vector<ProcessEntry>& table, pid_t root) {
  const std::set<pid_t> members = Members(table, root);
  std::vector<pid_t> out;
  for (const ProcessEntry& e : table) {
    if (e.state != 'Z' && members.contains(e.pid)) out.push_back(e.pid);
  }
  return out;
}

std::vector<pid_t> Strays(const std::vector<ProcessEntry>& table, pid_t self,
                          const std::vector<pid_t>& roots) {
  std::set<pid_t> ours{self};
  AddDescendants(table, &ours);
  for (pid_t root : roots) {
    for (pid_t member : Members(table, root)) ours.erase(member);
  }
  ours.erase(self);
  std::vector<pid_t> out;
  for (const ProcessEntry& e : table) {
    if (e.state != 'Z' && ours.contains(e.pid)) out.push_back(e.pid);
  }
  return out;
}

std::vector<ProcessEntry> ReadProcessTable() {
  std::vector<ProcessEntry> table;
  DIR* dir = opendir("/proc");
  if (dir == nullptr) return table;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const std::string path = std::string("/proc/") + entry->d_name + "/stat";
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char line[512];
    const ssize_t n = fd.valid() ? read(fd.get(), line, sizeof line) : -1;
    if (n <= 0) continue;
    if (const auto e = ParseStat({line, static_cast<size_t>(n)})) table.push_back(*e);
  }
  closedir(dir);
  return table;
}

}  // namespace hearth::watchdog
