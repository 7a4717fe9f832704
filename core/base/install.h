#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// Where this installation's parts are. They depend on the executable's own place, never on the
// current folder. Errors name every place that was looked at.
absl::StatusOr<std::string> ExecutableFolder();

// Another program of this installation, such as "hearth-gateway": beside the executable.
absl::StatusOr<std::string> FindSibling(std::string_view program);

// $HEARTH_RUNTIMES, else <folder>/../share/hearth/runtimes, else `runtimes` in a folder above the
// executable (a build tree inside the source tree).
absl::StatusOr<std::string> FindRuntimesDir();

// This process's arguments, the first made fit to start the program anew when its file has been
// replaced. To be asked for at the start, before anybody replaces it.
std::vector<std::string> OwnCommandLine();

// The path of that: as the program was called where that is a path (a link to the newest version
// stays one), else `executable`. Pure.
std::string ProgramToStart(const std::string& called, const std::string& folder,
                           const std::string& executable);

}  // namespace hearth
