#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace hearth::controller {

// Pure readers of an OCI image layout (https://github.com/opencontainers/image-spec).

std::string Sha256Hex(std::string_view text);
std::string BlobPath(const std::string& layout, std::string_view digest);

// The manifest that `tag` names in index.json; without a tag the only one. `where` is for errors.
absl::StatusOr<std::string> ManifestDigest(std::string_view index_json, std::string_view tag,
                                           std::string_view where);
absl::StatusOr<std::string> ConfigDigest(std::string_view manifest_json);
// Whether the image is for this machine.
absl::Status CheckPlatform(std::string_view config_json);

}  // namespace hearth::controller
