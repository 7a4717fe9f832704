#pragma once

#include <absl/status/status.h>

#include <string_view>

namespace hearth {

// The one table between canonical codes and HTTP.
int HttpStatusOf(absl::StatusCode code);
absl::StatusCode StatusCodeOf(int http_status);

// The code in snake case, as it stands after X-Hearth-Error's component: "invalid_argument".
std::string_view ReasonOf(absl::StatusCode code);

}  // namespace hearth
