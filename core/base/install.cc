#include "core/base/install.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth {
namespace {

bool IsFolder(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// A folder of that name may be something else: one of ours holds NAME/runtime.yaml.
bool HoldsRuntimes(const std::string& path) {
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return false;
  bool found = false;
  while (const dirent* entry = found ? nullptr : ::readdir(folder)) {
    found = ::access(Cat(path, "/", std::string_view(entry->d_name), "/runtime.yaml").c_str(),
                     R_OK) == 0;
  }
  ::closedir(folder);
  return found;
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<std::string> ExecutableFolder() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0 || static_cast<size_t>(n) == sizeof path) {
    return Internal("cannot read /proc/self/exe: is /proc mounted?");
  }
  return ParentOf(std::string(path, static_cast<size_t>(n)));
}

absl::StatusOr<std::string> FindSibling(std::string_view program) {
  ASSIGN_OR_RETURN(const std::string folder, ExecutableFolder());
  std::string path = Cat(folder, "/", program);
  if (::access(path.c_str(), X_OK) == 0) return path;
  return NotFound(
      Cat("no program at ", path, ": build or install all of Hearth's programs into one folder"));
}

absl::StatusOr<std::string> FindRuntimesDir() {
  if (const char* given = std::getenv("HEARTH_RUNTIMES"); given != nullptr && *given != '\0') {
    if (IsFolder(given)) return std::string(given);
    return NotFound(Cat("HEARTH_RUNTIMES names ", given, ", which is not a folder"));
  }
  ASSIGN_OR_RETURN(const std::string folder, ExecutableFolder());
  const std::string installed = Cat(ParentOf(folder), "/share/hearth/runtimes");
  if (HoldsRuntimes(installed)) return installed;
  for (std::string above = folder;; above = ParentOf(above)) {
    std::string candidate = above == "/" ? "/runtimes" : Cat(above, "/runtimes");
    if (HoldsRuntimes(candidate)) return candidate;
    if (above == "/") break;
  }
  return NotFound(Cat("no language runtimes: neither ", installed,
                      " nor a folder \"runtimes\" above ", folder,
                      " is there; set HEARTH_RUNTIMES to the folder that holds them"));
}

std::string ProgramToStart(const std::string& called, const std::string& folder,
                           const std::string& executable) {
  if (called.find('/') == std::string::npos) return executable;
  return called.front() == '/' ? called : Cat(folder, "/", called);
}

std::vector<std::string> OwnCommandLine() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(in, argument, '\0');) arguments.push_back(argument);
  if (arguments.empty()) arguments.emplace_back();
  char folder[PATH_MAX];
  char executable[PATH_MAX];
  const bool has_folder = ::getcwd(folder, sizeof folder) != nullptr;
  const ssize_t n = ::readlink("/proc/self/exe", executable, sizeof executable);
  arguments.front() =
      ProgramToStart(arguments.front(), has_folder ? folder : "",
                     n > 0 ? std::string(executable, static_cast<size_t>(n)) : std::string());
  return arguments;
}

}  // namespace hearth
