#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/auth/credentials.h"

namespace hearth::auth {

// Keeps the credentials in step with their file, so that a rotated password counts without a
// restart. Owned by the application; Refresh is called by one thread at a time, Accepts by any.
class CredentialFile {
 public:
  explicit CredentialFile(std::string path) : path_(std::move(path)) {
    sets_.push_back(std::make_unique<CredentialSet>());
    current_ = sets_.back().get();
  }

  // Reads the file again when it has changed. A file that has become unreadable or wrong leaves the
  // last good credentials in force and is reported once per change.
  absl::Status Refresh();

  // Without a lock. Nothing is accepted until a Refresh has succeeded.
  bool Accepts(std::string_view authorization) const {
    return current_.load(std::memory_order_acquire)->Accepts(authorization);
  }
  const std::string& path() const { return path_; }

 private:
  struct Stamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = -1;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  static absl::Status StampOf(const std::string& path, Stamp* stamp);

  const std::string path_;
  std::optional<Stamp> seen_;  // nullopt: not readable when last looked at
  bool looked_ = false;
  // Every version that was ever in force: a loop may be reading any of them, and each is a few
  // hundred bytes that an operator has written.
  std::vector<std::unique_ptr<const CredentialSet>> sets_;
  std::atomic<const CredentialSet*> current_;
};

}  // namespace hearth::auth
