#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::cli {

using Environment = std::function<std::optional<std::string>(std::string_view)>;

// $HEARTH_DATA, else $XDG_DATA_HOME/hearth, else ~/.local/share/hearth.
std::string DefaultDataFolder(const Environment& environment);
// $XDG_CONFIG_HOME/hearth/credentials, else ~/.config/hearth/credentials.
std::string CredentialsFile(const Environment& environment);

absl::StatusOr<std::string> ReadFile(const std::string& path);
// Whole or not at all: a temporary file, renamed. Missing folders are made with mode 0700.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode);
// Like mkdir -p. The error names the folder.
absl::Status MakeFolders(const std::string& path, unsigned mode);

}  // namespace hearth::cli
