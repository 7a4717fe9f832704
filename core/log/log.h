#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/clock.h"

namespace hearth::log {

enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };
std::string_view ToString(Level level);  // "info"
std::optional<Level> ParseLevel(std::string_view text);

using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool, Duration>;

// One key and value of a log line: log.Info("listening", {{"address", text}, {"loops", 4}}).
struct Field {
  std::string_view key;
  Value value;

  template <std::convertible_to<std::string_view> T>
  Field(std::string_view k, const T& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  template <std::signed_integral T>
  Field(std::string_view k, T v) : key(k), value(static_cast<int64_t>(v)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view k, T v)
      : key(k), value(static_cast<uint64_t>(v)) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <typename Rep, typename Period>
  Field(std::string_view k, std::chrono::duration<Rep, Period> v)
      : key(k), value(std::chrono::duration_cast<Duration>(v)) {}
};

struct Record {
  WallTime time;
  Level level;
  std::string_view component;  // "gateway"
  std::string_view event;      // a stable phrase: "replica failed"
  std::span<const Field> fields;
};

// Where lines go. Thread-safe. Tests pass their own and look at what was logged.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(const Record& record) = 0;
};

enum class Format : uint8_t { kText, kJson };
std::string FormatRecord(const Record& record, Format format);  // one line, with its newline

// Writes each record as one line with one write(2), so that lines of several processes do not mix.
// Does not own the descriptor.
class FdSink final : public LogSink {
 public:
  FdSink(int fd, Format format) : fd_(fd), format_(format) {}
  void Write(const Record& record) override;

 private:
  std::mutex mutex_;  // guards the order of writes to fd_
  int fd_;
  Format format_;
};

class NullSink final : public LogSink {
 public:
  void Write(const Record&) override {}
};

// What a component logs through: injected, cheap to copy, thread-safe. `sink` and `clock` outlive
// it. One line an event; never bodies, tokens or secrets.
class Logger {
 public:
  Logger(LogSink* sink, const Clock* clock, Level level, std::string component)
      : sink_(sink), clock_(clock), level_(level), component_(std::move(component)) {}
  // Logs nothing: for tests that do not look.
  static Logger Null();

  Logger For(std::string component) const { return {sink_, clock_, level_, std::move(component)}; }
  bool Enabled(Level level) const { return sink_ != nullptr && level >= level_; }

  void Log(Level level, std::string_view event, std::initializer_list<Field> fields = {}) const;
  void Debug(std::string_view event, std::initializer_list<Field> fields = {}) const {
    Log(Level::kDebug, event, fields);
  }
  void Info(std::string_view event, std::initializer_list<Field> fields = {}) const {
    Log(Level::kInfo, event, fields);
  }
  void Warn(std::string_view event, std::initializer_list<Field> fields = {}) const {
    Log(Level::kWarn, event, fields);
  }
  void Error(std::string_view event, std::initializer_list<Field> fields = {}) const {
    Log(Level::kError, event, fields);
  }

 private:
  LogSink* sink_;
  const Clock* clock_;
  Level level_;
  std::string component_;
};

// Lets one line through in `period` and counts the rest: for events that a peer can cause at any
// rate. Thread-safe.
class RateLimit {
 public:
  explicit RateLimit(Duration period) : period_(period) {}
  // The number of lines held back since the last one, or nullopt: hold this one back too.
  std::optional<uint64_t> Pass(MonotonicTime now);

 private:
  Duration period_;
  std::atomic<int64_t> next_ns_{INT64_MIN};
  std::atomic<uint64_t> held_back_{0};
};

}  // namespace hearth::log
