#include "watchdog/modes/file_answer.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "core/base/strings.h"

namespace hearth::watchdog {
namespace {

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  tm t{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &t);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return timegm(&t);
}

bool EtagListHas(std::string_view list, std::string_view etag) {
  for (std::string_view item : Split(list, ',')) {
    item = Trim(item);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == "*" || item == etag) return true;
  }
  return false;
}

bool NotModified(const FileFacts& facts, const FileConditions& c) {
  if (!c.if_none_match.empty()) return EtagListHas(c.if_none_match, EtagOf(facts));
  const auto since = ParseHttpDate(c.if_modified_since);
  return since && facts.modified <= *since;
}

// Whether the part that is asked for belongs to this version.
bool RangeApplies(const FileFacts& facts, const FileConditions& c) {
  if (c.range.empty()) return false;
  if (c.if_range.empty() || c.if_range == EtagOf(facts)) return true;
  const auto date = ParseHttpDate(c.if_range);
  return date && *date == facts.modified;
}

}  // namespace

std::string EtagOf(const FileFacts& facts) {
  char text[64];
  std::snprintf(text, sizeof text, "\"%llx%08llx-%llx\"",
                static_cast<unsigned long long>(facts.modified),
                static_cast<unsigned long long>(facts.modified_ns),
                static_cast<unsigned long long>(facts.size));
  return text;
}

FileAnswer Decide(const FileFacts& facts, const FileConditions& c) {
  if (NotModified(facts, c)) return {304, 0, 0};
  const FileAnswer whole{200, 0, facts.size};
  if (!RangeApplies(facts, c) || !c.range.starts_with("bytes=")) return whole;
  const std::string_view spec = Trim(c.range.substr(6));
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos) return whole;
  const std::string_view from_text = spec.substr(0, dash);
  const std::string_view to_text = spec.substr(dash + 1);
  const auto from = ParseUint(from_text);
  const auto to = ParseUint(to_text);
  if ((!from && !from_text.empty()) || (!to && !to_text.empty()) || (!from && !to)) return whole;
  if (!from) {  // the last bytes
    const uint64_t n = std::min(*to, facts.size);
    if (n == 0) return {416, 0, 0};
    return {206, facts.size - n, n};
  }
  if (to && *to < *from) return whole;
  if (*from >= facts.size) return {416, 0, 0};
  const uint64_t last = to ? std::min(*to, facts.size - 1) : facts.size - 1;
  return {206, *from, last - *from + 1};
}

std::string_view ContentTypeOf(std::string_view name) {
  struct Type {
    std::string_view ending, type;
  };
  static constexpr Type kTypes[] = {{"html", "text/html; charset=utf-8"},
                                    {"htm", "text/html; charset=utf-8"},
                                    {"css", "text/css; charset=utf-8"},
                                    {"js", "text/javascript; charset=utf-8"},
                                    {"mjs", "text/javascript; charset=utf-8"},
                                    {"json", "application/json"},
                                    {"map", "application/json"},
                                    {"txt", "text/plain; charset=utf-8"},
                                    {"md", "text/markdown; charset=utf-8"},
                                    {"csv", "text/csv; charset=utf-8"},
                                    {"xml", "application/xml"},
                                    {"svg", "image/svg+xml"},
                                    {"png", "image/png"},
                                    {"jpg", "image/jpeg"},
                                    {"jpeg", "image/jpeg"},
                                    {"gif", "image/gif"},
                                    {"webp", "image/webp"},
                                    {"avif", "image/avif"},
                                    {"ico", "image/x-icon"},
                                    {"woff", "font/woff"},
                                    {"woff2", "font/woff2"},
                                    {"ttf", "font/ttf"},
                                    {"otf", "font/otf"},
                                    {"wasm", "application/wasm"},
                                    {"pdf", "application/pdf"},
                                    {"zip", "application/zip"},
                                    {"gz", "application/gzip"},
                                    {"tar", "application/x-tar"},
                                    {"mp4", "video/mp4"},
                                    {"webm", "video/webm"},
                                    {"mp3", "audio/mpeg"},
                                    {"ogg", "audio/ogg"},
                                    {"wav", "audio/wav"},
                                    {"webmanifest", "application/manifest+json"},
                                    {"yaml", "application/yaml"},
                                    {"yml", "application/yaml"}};
  const size_t dot = name.rfind('.');
  const size_t slash = name.rfind('/');
  if (dot != std::string_view::npos && (slash == std::string_view::npos || slash < dot)) {
    const std::string ending = ToLower(name.substr(dot + 1));
    for (const Type& t : kTypes) {
      if (t.ending == ending) return t.type;
    }
  }
  return "application/octet-stream";
}

std::optional<std::string> FileName(std::string_view path) {
  std::optional<std::string> name = PercentDecode(path);
  if (!name || name->find('\0') != std::string::npos) return std::nullopt;
  name->erase(0, name->find_first_not_of('/') == std::string::npos ? name->size()
                                                                   : name->find_first_not_of('/'));
  return name;
}

}  // namespace hearth::watchdog
