#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "controller/logs/log_store.h"

namespace hearth::controller {

// GET /system/logs?name=&namespace=&instance=&tail=&follow=&since= as OpenFaaS's clients send it.
struct LogRequest {
  LogQuery query;
  bool follow = false;
};

// Pure. `parameter` gives a decoded query parameter or nullopt. A name may be "name.namespace".
// `since` is RFC 3339 or a duration before `now`.
absl::StatusOr<LogRequest> ParseLogRequest(
    const std::function<std::optional<std::string>(std::string_view)>& parameter,
    std::string_view default_namespace, WallTime now);

// Pure: one line of the answer, {"name","namespace","instance","timestamp","text"} and a newline.
std::string FormatLogMessage(const FunctionKey& function, const LogLine& line);

}  // namespace hearth::controller
