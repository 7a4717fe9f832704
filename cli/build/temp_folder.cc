#include "cli/build/temp_folder.h"

#include <stdlib.h>

#include <filesystem>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::Make() {
  std::error_code error;
  const std::string base = std::filesystem::temp_directory_path(error).string();
  std::string pattern = Cat(error ? std::string("/tmp") : base, "/hearth-build-XXXXXX");
  if (::mkdtemp(pattern.data()) == nullptr) {
    return FailedPrecondition(Cat("cannot make a temporary folder at ", pattern,
                                  "; set TMPDIR to a folder that can be written"));
  }
  return std::unique_ptr<TempFolder>(new TempFolder(std::move(pattern)));
}

TempFolder::~TempFolder() {
  // Package managers leave read-only folders (Go's modules): make them ours first.
  std::error_code error;
  using std::filesystem::perms;
  for (auto it = std::filesystem::recursive_directory_iterator(path_, error);
       !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    if (it->is_directory(error) && !it->is_symlink(error)) {
      std::filesystem::permissions(it->path(), perms::owner_all, std::filesystem::perm_options::add,
                                   error);
    }
  }
  std::filesystem::remove_all(path_, error);
}

}  // namespace hearth::cli
