#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "core/log/log.h"

namespace hearth::fakes {

// Keeps every line, so that a test can look at what was logged. Thread-safe.
class MemoryLog final : public log::LogSink {
 public:
  explicit MemoryLog(log::Format format = log::Format::kText) : format_(format) {}
  void Write(const log::Record& record) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(log::FormatRecord(record, format_));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool Contains(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    for (const std::string& line : lines_) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;  // guards lines_
  log::Format format_;
  std::vector<std::string> lines_;
};

}  // namespace hearth::fakes
