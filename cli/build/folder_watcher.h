#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/unique_fd.h"

namespace hearth::cli {

// Tells when something below folders changes, by inotify. New folders are watched as they appear.
// One thread.
class FolderWatcher {
 public:
  static absl::StatusOr<std::unique_ptr<FolderWatcher>> Open();

  void Clear();
  absl::Status AddTree(const std::string& folder);
  absl::Status AddFile(const std::string& file);
  // Blocks until something has changed and then nothing for `quiet`: editors write in steps.
  // Returns the path of the last change.
  absl::StatusOr<std::string> Wait(Duration quiet);

 private:
  FolderWatcher() = default;
  absl::Status AddFolder(const std::string& folder);
  bool ReadEvents(std::string* changed);

  UniqueFd fd_;
  std::map<int, std::string> folders_;  // watch → folder
  std::set<std::string> trees_;         // folders that are watched for everything
  std::set<std::string> files_;         // in folders that are watched for one file
};

// Folders that change by themselves and are no source: .git, node_modules, __pycache__, ….
bool IsWatched(std::string_view name);

}  // namespace hearth::cli
