#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "controller/store/secret_store.h"

namespace hearth::controller {

// Secrets of one machine as files: FOLDER/NS/NAME, 0600 in folders of 0700, each replaced by an
// atomic rename. Versions are digests with a salt of this folder (FOLDER/.salt), so that equal
// values cannot be recognised elsewhere. Thread-safe; nothing is cached.
class FileSecretStore final : public SecretStore {
 public:
  static absl::StatusOr<std::unique_ptr<FileSecretStore>> Open(std::string folder);

  absl::StatusOr<std::vector<std::string>> List(std::string_view ns) const override;
  absl::StatusOr<std::string> Read(std::string_view ns, std::string_view name) const override;
  absl::Status Create(std::string_view ns, std::string_view name, std::string_view value) override;
  absl::Status Update(std::string_view ns, std::string_view name, std::string_view value) override;
  absl::Status Remove(std::string_view ns, std::string_view name) override;
  absl::StatusOr<std::map<std::string, std::string>> Versions(
      std::string_view ns, const std::vector<std::string>& names) const override;

 private:
  FileSecretStore(std::string folder, std::string salt)
      : folder_(std::move(folder)), salt_(std::move(salt)) {}
  std::string FolderOf(std::string_view ns) const;
  std::string PathOf(std::string_view ns, std::string_view name) const;
  bool Exists(std::string_view ns, std::string_view name) const;
  absl::Status Write(std::string_view ns, std::string_view name, std::string_view value);

  const std::string folder_;
  const std::string salt_;
  mutable std::mutex mutex_;  // makes check-and-write one step
};

}  // namespace hearth::controller
