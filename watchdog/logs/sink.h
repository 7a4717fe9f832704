#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/net/loop.h"
#include "watchdog/config/config.h"

namespace hearth::watchdog {

struct LogLine {
  std::string_view stream;   // "stdout", "stderr", "platform"
  std::string_view call_id;  // empty: none, or several inside
  std::string_view text;
};

// Where lines of the function's output go. Belongs to the loop's thread.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(const LogLine& line) = 0;
  virtual uint64_t dropped() const { return 0; }
};

// Pure: the forms of a line, with the line's end.
std::string FormatJsonLine(const LogLine& line, WallTime now);
struct TextFormat {
  bool prefix = true;    // "2024/05/01 12:00:00 stdout: "
  bool call_id = false;  // " [id]" at the end
};
std::string FormatTextLine(const LogLine& line, WallTime now, const TextFormat& format);

// Two files of half the size each: the older one is emptied when the newer one is full. The
// descriptors are open for appending; what a previous watchdog wrote is kept.
class RingSink final : public LogSink {
 public:
  RingSink(const Clock& clock, int fd_a, int fd_b, uint64_t max_bytes);
  void Write(const LogLine& line) override;
  uint64_t dropped() const override { return dropped_; }

 private:
  const Clock& clock_;
  int fds_[2];
  int current_ = 0;
  uint64_t half_;
  uint64_t used_ = 0;
  uint64_t dropped_ = 0;
};

// Text on a descriptor that somebody else reads (standard output of a container). When the reader
// is slow, at most kPending bytes wait in memory; past that lines are dropped and counted, so that
// a stuck log never stops the function.
class TextSink final : public LogSink {
 public:
  static constexpr size_t kPending = 256 * 1024;
  TextSink(net::Loop& loop, int fd, const TextFormat& format);
  ~TextSink() override;
  void Write(const LogLine& line) override;
  uint64_t dropped() const override { return dropped_; }

 private:
  void Flush();
  net::Loop& loop_;
  int fd_;
  TextFormat format_;
  std::string pending_;
  net::Timer retry_;
  uint64_t dropped_ = 0;
};

}  // namespace hearth::watchdog
