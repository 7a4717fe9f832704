#include "core/log/log.h"

#include <errno.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "core/base/duration.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"

namespace hearth::log {
namespace {

std::string NumberText(double v) {
  if (!std::isfinite(v)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

void AppendJsonValue(std::string* out, const Value& value) {
  struct Visitor {
    std::string* out;
    void operator()(std::string_view text) const { AppendJsonString(out, text); }
    void operator()(int64_t n) const { out->append(Cat(n)); }
    void operator()(uint64_t n) const { out->append(Cat(n)); }
    void operator()(double d) const { out->append(NumberText(d)); }
    void operator()(bool b) const { out->append(b ? "true" : "false"); }
    // Seconds, so that they can be computed with.
    void operator()(Duration d) const { out->append(NumberText(ToSeconds(d))); }
  };
  std::visit(Visitor{out}, value);
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || static_cast<unsigned char>(c) >= 0x7f) {
      return true;
    }
  }
  return false;
}

void AppendTextValue(std::string* out, const Value& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  if (text != nullptr && !NeedsQuotes(*text)) {
    out->append(*text);
  } else if (const auto* duration = std::get_if<Duration>(&value)) {
    out->append(FormatDuration(*duration));
  } else {
    // Text is quoted like JSON: a peer's cannot break the line or forge another field.
    AppendJsonValue(out, value);
  }
}

std::string FormatJson(const Record& record) {
  std::string line = "{\"time\":\"";
  line += FormatTimeNanos(record.time);
  line += "\",\"level\":\"";
  line += ToString(record.level);
  line += "\",\"component\":";
  AppendJsonString(&line, record.component);
  line += ",\"event\":";
  AppendJsonString(&line, record.event);
  for (const Field& field : record.fields) {
    line += ',';
    AppendJsonString(&line, field.key);
    line += ':';
    AppendJsonValue(&line, field.value);
  }
  line += "}\n";
  return line;
}

std::string FormatText(const Record& record) {
  static constexpr std::string_view kLevels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
  std::string line = FormatTimeNanos(record.time);
  line.erase(line.size() - 7);  // milliseconds are enough for people
  line += "Z ";
  line += kLevels[static_cast<size_t>(record.level)];
  line += ' ';
  line += record.component;
  line += ": ";
  for (const char c : record.event) line += c < ' ' ? ' ' : c;
  for (const Field& field : record.fields) {
    line += ' ';
    line += field.key;
    line += '=';
    AppendTextValue(&line, field.value);
  }
  line += '\n';
  return line;
}

}  // namespace

std::string_view ToString(Level level) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<size_t>(level)];
}

std::optional<Level> ParseLevel(std::string_view text) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (EqualsIgnoreAsciiCase(text, ToString(level))) return level;
  }
  if (EqualsIgnoreAsciiCase(text, "warning")) return Level::kWarn;
  return std::nullopt;
}

std::string FormatRecord(const Record& record, Format format) {
  return format == Format::kJson ? FormatJson(record) : FormatText(record);
}

void FdSink::Write(const Record& record) {
  const std::string line = FormatRecord(record, format_);
  const std::lock_guard lock(mutex_);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody left to tell: a full disk must not stop the program
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

Logger Logger::Null() { return {nullptr, nullptr, Level::kError, ""}; }

void Logger::Log(Level level, std::string_view event, std::initializer_list<Field> fields) const {
  if (!Enabled(level)) return;
  sink_->Write({clock_->WallNow(), level, component_, event, {fields.begin(), fields.size()}});
}

std::optional<uint64_t> RateLimit::Pass(MonotonicTime now) {
  const int64_t ns = now.time_since_epoch().count();
  int64_t next = next_ns_.load(std::memory_order_relaxed);
  if (ns < next || !next_ns_.compare_exchange_strong(next, ns + period_.count())) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return held_back_.exchange(0, std::memory_order_relaxed);
}

}  // namespace hearth::log
