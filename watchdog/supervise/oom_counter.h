#pragma once

#include <cstdint>
#include <string>

namespace hearth::watchdog {

// Tells whether the kernel's OOM killer struck in the watchdog's cgroup since the last question.
// Where the cgroup cannot be read it never says so. Belongs to the loop's thread.
class OomCounter {
 public:
  OomCounter();
  // `file`: memory.events (cgroup v2) or memory.oom_control (v1); empty: there is none.
  explicit OomCounter(std::string file);
  bool Increased();

 private:
  std::string file_;
  uint64_t last_ = 0;
};

}  // namespace hearth::watchdog
