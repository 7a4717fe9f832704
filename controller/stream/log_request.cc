#include "controller/stream/log_request.h"

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

absl::StatusOr<bool> ParseFlag(std::string_view name, const std::string& text) {
  if (text.empty() || text == "0" || text == "false") return false;
  if (text == "1" || text == "true") return true;
  return InvalidArgument(Cat(name, ": \"", text, "\" is neither true nor false"));
}

absl::StatusOr<WallTime> ParseSince(const std::string& text, WallTime now) {
  if (const auto time = ParseTime(text); time.ok()) return *time;
  if (const auto age = ParseDuration(text); age.ok()) return now - *age;
  return InvalidArgument(
      Cat("since: \"", text, "\" is neither a time (2024-05-01T12:00:00Z) nor a duration (5m)"));
}

}  // namespace

absl::StatusOr<LogRequest> ParseLogRequest(
    const std::function<std::optional<std::string>(std::string_view)>& parameter,
    std::string_view default_namespace, WallTime now) {
  const auto text = [&](std::string_view name) { return parameter(name).value_or(""); };
  LogRequest out;
  FunctionKey& key = out.query.function;
  key.name = text("name");
  key.ns = text("namespace");
  if (const size_t dot = key.name.find('.'); dot != std::string::npos && key.ns.empty()) {
    key.ns = key.name.substr(dot + 1);
    key.name.resize(dot);
  }
  if (key.ns.empty()) key.ns = default_namespace;
  if (key.name.empty()) return InvalidArgument("name: which function? add ?name=NAME");
  for (const std::string* part : {&key.name, &key.ns}) {
    if (part->find('/') != std::string::npos || part->front() == '.') {
      return InvalidArgument(Cat("name: \"", *part, "\" is not a name"));
    }
  }
  out.query.instance = text("instance");
  if (const std::string tail = text("tail"); !tail.empty()) {
    const auto lines = ParseInt(tail);
    if (!lines) return InvalidArgument(Cat("tail: \"", tail, "\" is not a number of lines"));
    if (*lines > 0) out.query.tail = static_cast<uint64_t>(*lines);
  }
  const auto follow = ParseFlag("follow", text("follow"));
  if (!follow.ok()) return follow.status();
  out.follow = *follow;
  if (const std::string since = text("since"); !since.empty()) {
    const auto time = ParseSince(since, now);
    if (!time.ok()) return time.status();
    out.query.since = *time;
  }
  return out;
}

std::string FormatLogMessage(const FunctionKey& function, const LogLine& line) {
  std::string out = "{\"name\":";
  AppendJsonString(&out, function.name);
  out += ",\"namespace\":";
  AppendJsonString(&out, function.ns);
  out += ",\"instance\":";
  AppendJsonString(&out, line.instance);
  out += ",\"timestamp\":\"" + FormatTimeNanos(line.time) + "\",\"text\":";
  AppendJsonString(&out, line.text);
  out += "}\n";
  return out;
}

}  // namespace hearth::controller
