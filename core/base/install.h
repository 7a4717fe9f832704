#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace hearth {

// Where this installation's parts are. They depend on the executable's own place, never on the
// current folder. Errors name every place that was looked at.
absl::StatusOr<std::string> ExecutableFolder();

// Another program of this installation, such as "hearth-gateway": beside the executable.
absl::StatusOr<std::string> FindSibling(std::string_view program);

// $HEARTH_RUNTIMES, else <folder>/../share/hearth/runtimes, else `runtimes` in a folder above the
// executable (a build tree inside the source tree).
absl::StatusOr<std::string> FindRuntimesDir();

}  // namespace hearth
