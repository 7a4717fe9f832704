#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <string_view>

namespace hearth::controller {

inline constexpr size_t kMaxSecretBytes = 1 << 20;

// The rules that every SecretStore applies. A secret's name becomes a file name inside a replica:
// RFC 1123 subdomains without "..", so that no name leaves its folder. Errors never hold a value.
absl::Status CheckSecretName(std::string_view ns, std::string_view name);
absl::Status CheckSecretValue(std::string_view name, std::string_view value);
absl::Status SecretNotFound(std::string_view ns, std::string_view name);
absl::Status SecretExists(std::string_view ns, std::string_view name);

}  // namespace hearth::controller
