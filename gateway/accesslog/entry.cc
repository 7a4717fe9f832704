#include "gateway/accesslog/entry.h"

#include <algorithm>

#include "core/base/duration.h"

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

// A fraction of a second as six digits.
void AppendMicros(int64_t micros, std::string* out) {
  char digits[6];
  for (int i = 5; i >= 0; --i) {
    digits[i] = static_cast<char>('0' + micros % 10);
    micros /= 10;
  }
  out->append(digits, sizeof(digits));
}

void AppendSeconds(Duration duration, std::string* out) {
  const int64_t micros =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  out->append(std::to_string(micros / 1'000'000)).push_back('.');
  AppendMicros(micros % 1'000'000, out);
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

void AppendMember(std::string_view name, std::string_view value, std::string* out) {
  if (value.empty()) return;
  out->append(",\"").append(name).append("\":\"");
  AppendEscaped(value, Format::kJson, out);
  out->push_back('"');
}

void AppendMember(std::string_view name, uint64_t value, std::string* out) {
  out->append(",\"").append(name).append("\":").append(std::to_string(value));
}

}  // namespace

void LineFormatter::AppendTime(WallTime time, std::string* out) {
  const auto since = time.time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(since);
  if (second != second_) {
    second_ = second;
    second_text_ = FormatTime(WallTime(second));
    second_text_.pop_back();  // the Z
  }
  out->append(second_text_).push_back('.');
  AppendMicros(std::chrono::duration_cast<std::chrono::microseconds>(since - second).count(), out);
  out->push_back('Z');
}

void LineFormatter::AppendText(const Entry& e, std::string* out) {
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

void LineFormatter::AppendJson(const Entry& e, std::string* out) {
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

void LineFormatter::Append(const Entry& entry, std::string* out) {
  if (format_ == Format::kJson) {
    AppendJson(entry, out);
  } else {
    AppendText(entry, out);
  }
}

}  // namespace hearth::accesslog
