#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "controller/bundle/bundle_store.h"

namespace hearth::controller {

// Unpacks a compressed tar below `folder`, which exists and is empty. Takes regular files, folders
// and links that stay inside; anything else, or more than the limits, is InvalidArgument that names
// the entry. Files become 0644 or 0755, folders 0755, times and owners are dropped.
absl::Status UnpackArchive(const std::string& archive, const std::string& folder,
                           const BundleLimits& limits);

// Pure: "a/./b/" → "a/b"; an error for what leaves the folder: absolute, "..", empty, control
// bytes.
absl::StatusOr<std::string> CleanEntryPath(std::string_view path);
// Pure: whether a symbolic link at `path` (clean) to `target` stays inside the folder.
bool LinkStaysInside(std::string_view path, std::string_view target);

}  // namespace hearth::controller
