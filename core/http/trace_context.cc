#include "core/http/trace_context.h"

#include <algorithm>

namespace hearth::http {
namespace {

constexpr size_t kMostEntries = 32;
constexpr size_t kMostKey = 256;
constexpr size_t kMostValue = 256;
constexpr std::string_view kDigits = "0123456789abcdef";

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

uint8_t HexByte(std::string_view two) {
  return static_cast<uint8_t>(kDigits.find(two[0]) * 16 + kDigits.find(two[1]));
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsKeyChar(char c) {
  return IsLower(c) || IsDigit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

bool IsName(std::string_view name, size_t most, bool digit_first) {
  if (name.empty() || name.size() > most) return false;
  if (!IsLower(name[0]) && !(digit_first && IsDigit(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), IsKeyChar);
}

// "vendor" or "tenant@vendor".
bool IsKey(std::string_view key) {
  const size_t at = key.find('@');
  if (at == std::string_view::npos) return IsName(key, kMostKey, false);
  return IsName(key.substr(0, at), 241, true) && IsName(key.substr(at + 1), 14, false);
}

bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMostValue || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::array<char, TraceContext::kTextSize> TraceContext::Text() const {
  std::array<char, kTextSize> text;
  text[0] = text[1] = '0';
  text[2] = text[35] = text[52] = '-';
  std::copy(trace_id.begin(), trace_id.end(), text.begin() + 3);
  std::copy(span_id.begin(), span_id.end(), text.begin() + 36);
  text[53] = kDigits[flags >> 4];
  text[54] = kDigits[flags & 15];
  return text;
}

std::optional<TraceContext> ParseTraceparent(std::string_view value) {
  constexpr size_t kSize = TraceContext::kTextSize;
  if (value.size() < kSize || value[2] != '-' || value[35] != '-' || value[52] != '-') {
    return std::nullopt;
  }
  const std::string_view version = value.substr(0, 2);
  if (!IsLowerHex(version) || version == "ff") return std::nullopt;
  if (version == "00" ? value.size() != kSize : value.size() > kSize && value[kSize] != '-') {
    return std::nullopt;
  }
  const std::string_view trace = value.substr(3, 32);
  const std::string_view span = value.substr(36, 16);
  const std::string_view flags = value.substr(53, 2);
  if (!IsLowerHex(trace) || !IsLowerHex(span) || !IsLowerHex(flags)) return std::nullopt;
  if (IsZero(trace) || IsZero(span)) return std::nullopt;
  TraceContext context;
  std::copy(trace.begin(), trace.end(), context.trace_id.begin());
  std::copy(span.begin(), span.end(), context.span_id.begin());
  context.flags = HexByte(flags);
  return context;
}

bool IsTracestate(std::string_view value) {
  std::array<std::string_view, kMostEntries> keys;
  size_t count = 0;
  while (true) {
    const size_t comma = value.find(',');
    const std::string_view entry = Trimmed(value.substr(0, comma));
    if (!entry.empty()) {  // empty ones are allowed, and mean nothing
      const size_t equals = entry.find('=');
      if (equals == std::string_view::npos || count == kMostEntries) return false;
      const std::string_view key = entry.substr(0, equals);
      if (!IsKey(key) || !IsValue(entry.substr(equals + 1))) return false;
      if (std::find(keys.begin(), keys.begin() + count, key) != keys.begin() + count) return false;
      keys[count++] = key;
    }
    if (comma == std::string_view::npos) return count != 0;
    value.remove_prefix(comma + 1);
  }
}

void WriteHex64(uint64_t value, char* out) {
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = kDigits[(value >> shift) & 15];
}

}  // namespace hearth::http
