#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "core/base/clock.h"

namespace hearth {

// Go's notation: "1h30m", "500ms", "1.5s", "250us"; a bare number is seconds. Not negative.
absl::StatusOr<Duration> ParseDuration(std::string_view text);
// The shortest text that parses to the same value: "1h30m", "60s" becomes "1m", zero is "0s".
std::string FormatDuration(Duration d);

inline double ToSeconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline int64_t ToMillis(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// RFC 3339 in UTC: "2024-05-01T12:00:00Z"; with nanoseconds "….123456789Z".
std::string FormatTime(WallTime t);
std::string FormatTimeNanos(WallTime t);
absl::StatusOr<WallTime> ParseTime(std::string_view text);
std::string FormatHttpDate(WallTime t);  // "Sun, 06 Nov 1994 08:49:37 GMT"

}  // namespace hearth
