#include "gateway/accesslog/entry.h"

#include <cinttypes>
#include <cstdio>
#include <ctime>

namespace hearth::accesslog {
namespace {

// What a line shows of a path at most.
constexpr size_t kMaxText = 1024;

void AppendEscaped(std::string_view text, Format format, std::string* out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const std::string_view shown = text.substr(0, kMaxText);
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || (byte == '"' && format == Format::kText)) {
      out->push_back('%');
      out->push_back(kHex[byte >> 4]);
      out->push_back(kHex[byte & 15]);
    } else {
      if (format == Format::kJson && (c == '"' || c == '\\')) out->push_back('\\');
      out->push_back(c);
    }
  }
  if (shown.size() < text.size()) out->append("...");
}

void AppendTime(WallTime time, std::string* out) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since - seconds);
  const auto unix_seconds = static_cast<std::time_t>(seconds.count());
  std::tm tm{};
  ::gmtime_r(&unix_seconds, &tm);
  char text[48];
  const size_t n = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
  out->append(text, n);
  const int m =
      std::snprintf(text, sizeof(text), ".%06" PRId64 "Z", static_cast<int64_t>(micros.count()));
  out->append(text, static_cast<size_t>(m));
}

void AppendSeconds(Duration duration, std::string* out) {
  char text[32];
  const int n =
      std::snprintf(text, sizeof(text), "%.6f", static_cast<double>(duration.count()) * 1e-9);
  out->append(text, static_cast<size_t>(n));
}

// A text value or "-", so that columns stay where they are.
void AppendColumn(std::string_view value, std::string* out) {
  out->push_back(' ');
  if (value.empty()) {
    out->push_back('-');
  } else {
    AppendEscaped(value, Format::kText, out);
  }
}

void AppendFunction(const Entry& e, std::string* out) {
  AppendColumn(e.function, out);
  if (e.function.empty()) return;
  out->push_back('.');
  AppendEscaped(e.ns, Format::kText, out);
}

void AppendText(const Entry& e, std::string* out) {
  AppendTime(e.time, out);
  AppendColumn(e.client, out);
  AppendColumn(e.method, out);
  AppendColumn(e.path, out);
  out->append(" ").append(std::to_string(e.status));
  out->append(" in=").append(std::to_string(e.bytes_in));
  out->append(" out=").append(std::to_string(e.bytes_out));
  out->append(" t=");
  AppendSeconds(e.duration, out);
  out->append(" q=");
  AppendSeconds(e.queued, out);
  AppendFunction(e, out);
  AppendColumn(e.replica, out);
  AppendColumn(e.call_id, out);
  AppendColumn(e.error, out);
  AppendColumn(e.user_agent, out);
  out->push_back('\n');
}

void AppendMember(std::string_view name, std::string_view value, std::string* out) {
  if (value.empty()) return;
  out->append(",\"").append(name).append("\":\"");
  AppendEscaped(value, Format::kJson, out);
  out->push_back('"');
}

void AppendMember(std::string_view name, uint64_t value, std::string* out) {
  out->append(",\"").append(name).append("\":").append(std::to_string(value));
}

void AppendJson(const Entry& e, std::string* out) {
  out->append("{\"time\":\"");
  AppendTime(e.time, out);
  out->push_back('"');
  AppendMember("client", e.client, out);
  AppendMember("method", e.method, out);
  AppendMember("path", e.path, out);
  AppendMember("status", static_cast<uint64_t>(e.status), out);
  AppendMember("bytes_in", e.bytes_in, out);
  AppendMember("bytes_out", e.bytes_out, out);
  out->append(",\"duration_seconds\":");
  AppendSeconds(e.duration, out);
  out->append(",\"queued_seconds\":");
  AppendSeconds(e.queued, out);
  AppendMember("function", e.function, out);
  AppendMember("namespace", e.ns, out);
  AppendMember("replica", e.replica, out);
  AppendMember("call_id", e.call_id, out);
  AppendMember("error", e.error, out);
  AppendMember("user_agent", e.user_agent, out);
  if (e.attempts > 1) AppendMember("attempts", e.attempts, out);
  out->append("}\n");
}

}  // namespace

void AppendLine(const Entry& entry, Format format, std::string* out) {
  if (format == Format::kJson) {
    AppendJson(entry, out);
  } else {
    AppendText(entry, out);
  }
}

}  // namespace hearth::accesslog
