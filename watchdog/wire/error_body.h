#pragma once

#include <string>
#include <string_view>

namespace hearth::watchdog {

// An answer that the platform gives instead of the function: which part is at fault, why, and what
// a person can read.
struct ErrorAnswer {
  std::string fields;  // "Name: value\r\n" lines
  std::string body;    // {"error":…,"reason":…}
};

// `component`: "watchdog" or "function".
ErrorAnswer MakeError(std::string_view component, std::string_view reason,
                      std::string_view message);

}  // namespace hearth::watchdog
