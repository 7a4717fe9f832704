#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "watchdog/config/config.h"

namespace hearth::watchdog {

// The environment of the function's process: the watchdog's own without its settings and without
// names that begin with "_", plus who the function is and, in native mode, what AWS Lambda's
// execution environment has. `log_stream_id` is 32 hex digits. Pure.
Environment ChildEnvironment(const Environment& own, const Config& config, WallTime now,
                             std::string_view log_stream_id);

// "NAME=value" strings, sorted by name.
std::vector<std::string> ToStrings(const Environment& env);

}  // namespace hearth::watchdog
