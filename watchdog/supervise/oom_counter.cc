#include "watchdog/supervise/oom_counter.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "core/base/unique_fd.h"

namespace hearth::watchdog {
namespace {

std::string ReadSmallFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  std::string text(8192, '\0');
  const ssize_t n = read(fd.get(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

uint64_t CountIn(const std::string& file) {
  if (file.empty()) return 0;
  const std::string text = ReadSmallFile(file);
  const size_t at = text.find("oom_kill ");
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 9, nullptr, 10);
}

// The watchdog's own cgroup, as it is seen from inside: under its path, or at the root of the mount
// where the sandbox has a cgroup namespace.
std::string FindFile() {
  const std::string groups = ReadSmallFile("/proc/self/cgroup");
  std::string v2, v1;
  for (size_t from = 0; from < groups.size();) {
    const size_t end = std::min(groups.find('\n', from), groups.size());
    const std::string_view line(groups.data() + from, end - from);
    from = end + 1;
    const size_t path = line.find(":/");
    if (path == std::string_view::npos) continue;
    if (line.starts_with("0::")) v2 = line.substr(path + 1);
    if (line.find(":memory:") != std::string_view::npos) v1 = line.substr(path + 1);
  }
  for (const std::string& file :
       {"/sys/fs/cgroup" + v2 + "/memory.events", std::string("/sys/fs/cgroup/memory.events"),
        "/sys/fs/cgroup/memory" + v1 + "/memory.oom_control",
        std::string("/sys/fs/cgroup/memory/memory.oom_control")}) {
    if (access(file.c_str(), R_OK) == 0) return file;
  }
  return {};
}

}  // namespace

OomCounter::OomCounter() : OomCounter(FindFile()) {}
OomCounter::OomCounter(std::string file) : file_(std::move(file)), last_(CountIn(file_)) {}

bool OomCounter::Increased() {
  const uint64_t now = CountIn(file_);
  const bool grew = now > last_;
  last_ = now;
  return grew;
}

}  // namespace hearth::watchdog
