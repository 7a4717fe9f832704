#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "core/base/strings.h"
#include "gateway/proxy/data_path.h"

namespace hearth::proxy {
namespace {

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// CPUs by the quota of this process's control group, rounded up; 0: none is set.
unsigned Quota() {
  const auto ratio = [](int64_t quota, int64_t period) {
    return quota <= 0 || period <= 0 ? 0u : static_cast<unsigned>((quota + period - 1) / period);
  };
  // In a container the group's own files are at the top of the mount.
  const std::string v2 = FirstLine("/sys/fs/cgroup/cpu.max");
  if (const auto fields = SplitFields(v2); fields.size() == 2) {
    return ratio(ParseInt(fields[0]).value_or(0), ParseInt(fields[1]).value_or(0));
  }
  const auto quota = ParseInt(FirstLine("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"));
  const auto period = ParseInt(FirstLine("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  return ratio(quota.value_or(0), period.value_or(0));
}

}  // namespace

unsigned AvailableCpus() {
  cpu_set_t set;
  unsigned cpus = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  }
  const unsigned quota = Quota();
  return quota == 0 ? cpus : std::min(cpus, quota);
}

}  // namespace hearth::proxy
