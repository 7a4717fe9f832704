#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::controller {

// Secret values by namespace and name. Values leave it only towards a replica's files; no method
// gives one to the management API, and no error text holds one. Thread-safe.
class SecretStore {
 public:
  virtual ~SecretStore() = default;
  virtual absl::StatusOr<std::vector<std::string>> List(std::string_view ns) const = 0;
  virtual absl::StatusOr<std::string> Read(std::string_view ns, std::string_view name) const = 0;
  virtual absl::Status Create(std::string_view ns, std::string_view name,
                              std::string_view value) = 0;
  virtual absl::Status Update(std::string_view ns, std::string_view name,
                              std::string_view value) = 0;
  virtual absl::Status Remove(std::string_view ns, std::string_view name) = 0;
  // name → an opaque version that changes with the value (a digest, salted per data folder);
  // NotFound names the missing ones.
  virtual absl::StatusOr<std::map<std::string, std::string>> Versions(
      std::string_view ns, const std::vector<std::string>& names) const = 0;
};

}  // namespace hearth::controller
