#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace hearth::cli {

// A folder below $TMPDIR or /tmp that goes, with everything in it, when the object does.
class TempFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TempFolder>> Make();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TempFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace hearth::cli
