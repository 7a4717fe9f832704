#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/logs/log_store.h"

namespace hearth::controller {

// Pure: one line of a ring; nullopt for what is not one (a line that a crash cut off).
std::optional<LogLine> ParseLogLine(std::string_view json, const std::string& instance);

// Reads one replica's ring as it grows. The watchdog fills one file up to its half of the bound,
// then empties the other and goes on there; so a file that became shorter than what was read of it
// has begun anew. Lines that were overwritten before they were read are lost, which the ring is
// for.
class RingReader {
 public:
  RingReader(std::string base, std::string instance)
      : base_(std::move(base)), instance_(std::move(instance)) {}

  std::vector<LogLine> Read();  // what was written since the last call, in order

 private:
  struct File {
    off_t offset = 0;
    std::string partial;  // a line whose end is not there yet
  };
  std::vector<LogLine> ReadFile(const char* suffix, File* file);

  std::string base_;
  std::string instance_;
  File a_, b_;
};

}  // namespace hearth::controller
