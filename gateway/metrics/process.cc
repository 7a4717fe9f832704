#include "gateway/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace hearth::gateway {
namespace {

using prometheus::MetricType;

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

}  // namespace

std::vector<Reading> ProcessReadings() {
  std::vector<Reading> readings;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    readings.push_back({"process_cpu_seconds_total", "User and system time", MetricType::Counter,
                        Seconds(usage.ru_utime) + Seconds(usage.ru_stime)});
  }
  std::ifstream statm("/proc/self/statm");
  if (uint64_t pages = 0, resident = 0; statm >> pages >> resident) {
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    readings.push_back({"process_virtual_memory_bytes", "Virtual memory", MetricType::Gauge,
                        static_cast<double>(pages) * page});
    readings.push_back({"process_resident_memory_bytes", "Resident memory", MetricType::Gauge,
                        static_cast<double>(resident) * page});
  }
  std::error_code error;
  double descriptors = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++descriptors;
  }
  if (!error) {
    readings.push_back({"process_open_fds", "Open descriptors", MetricType::Gauge, descriptors});
  }
  if (rlimit limit{}; ::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    readings.push_back({"process_max_fds", "Most descriptors", MetricType::Gauge,
                        static_cast<double>(limit.rlim_cur)});
  }
  return readings;
}

}  // namespace hearth::gateway
