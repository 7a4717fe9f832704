#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::watchdog {

// What is known about a file that is asked for.
struct FileFacts {
  uint64_t size = 0;
  int64_t modified = 0;  // seconds since the epoch
  int64_t modified_ns = 0;
};

// What the request says about which version and part it wants; empty where a field is missing.
struct FileConditions {
  std::string_view if_none_match, if_modified_since, range, if_range;
};

// What to send: status, and which bytes.
struct FileAnswer {
  int status = 200;  // 200, 206, 304, 416
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const FileAnswer&) const = default;
};

std::string EtagOf(const FileFacts& facts);

// Pure: RFC 9110 §13 and §14 for one range; a request for several gets the whole file.
FileAnswer Decide(const FileFacts& facts, const FileConditions& conditions);

// By the name's ending; "application/octet-stream" for an unknown one. Pure.
std::string_view ContentTypeOf(std::string_view name);

// The file below the root that a request's path names, without the leading slash: decoded, "" for
// the root itself. nullopt: not a name (a bad escape, NUL). Pure; does not judge "..": the kernel
// does, when it opens the file beneath the root.
std::optional<std::string> FileName(std::string_view path);

}  // namespace hearth::watchdog
