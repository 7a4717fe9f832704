#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

namespace hearth::watchdog {

// What the kernel says about one process, from /proc/PID/stat.
struct ProcessEntry {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = '?';
  bool operator==(const ProcessEntry&) const = default;
};

// Pure: one line of /proc/PID/stat. The command's name may hold spaces and parentheses.
std::optional<ProcessEntry> ParseStat(std::string_view line);

// Pure: everything that belongs to `root`: itself, its descendants, and all in its session or group
// (children whose parent has died are adopted by the watchdog but keep their session), with their
// descendants. Zombies are left out.
std::vector<pid_t> TreeOf(const std::vector<ProcessEntry>& table, pid_t root);

// Pure: descendants of `self` that belong to none of `roots`: processes that left their session and
// whose parent has died.
std::vector<pid_t> Strays(const std::vector<ProcessEntry>& table, pid_t self,
                          const std::vector<pid_t>& roots);

// All processes that can be seen; empty without /proc.
std::vector<ProcessEntry> ReadProcessTable();

}  // namespace hearth::watchdog
