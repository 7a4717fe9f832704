#include "controller/backend/local/replica_folder.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

bool IsInMemory(const std::string& folder) {
  struct statfs info {};
  return statfs(folder.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
}

// Ours, a real folder, and closed to everybody else; a stranger may have made it first in a folder
// that all can write to.
bool MakePrivate(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return false;
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
         (info.st_mode & 077) == 0;
}

std::string FastFolder(const std::string& instance) {
  std::vector<std::string> places;
  if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user != nullptr && *user == '/') {
    places.emplace_back(user);
  }
  places.insert(places.end(), {"/run", "/dev/shm"});
  for (const std::string& place : places) {
    if (!IsInMemory(place)) continue;
    const std::string folder = Cat(place, "/hearth-", geteuid(), "-", instance);
    if (MakePrivate(folder)) return folder;
  }
  return {};
}

}  // namespace

absl::StatusOr<std::string> MakeReplicaFolder(const std::string& run_dir,
                                              const std::string& instance) {
  const std::string path = run_dir + "/r";
  std::error_code error;
  fs::create_directories(run_dir, error);
  const std::string fast = IsInMemory(run_dir) ? "" : FastFolder(instance);
  if (fast.empty()) {
    if (fs::is_symlink(path, error)) fs::remove(path, error);
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return Unavailable(Cat("cannot create ", path, ": ", strerror(errno)));
    }
    return fast;
  }
  if (fs::is_symlink(path, error) && fs::read_symlink(path, error) == fast) return fast;
  if (fs::is_directory(fs::symlink_status(path, error)) && !fs::is_empty(path, error)) {
    return std::string();  // replicas of an earlier start live there
  }
  fs::remove(path, error);
  fs::create_symlink(fast, path, error);
  if (error) return Unavailable(Cat("cannot create ", path, ": ", error.message()));
  return fast;
}

void RemoveReplicaFolder(const std::string& run_dir, const std::string& fast_folder) {
  std::error_code ignored;
  if (fast_folder.empty()) return;
  fs::remove_all(fast_folder, ignored);
  fs::remove(run_dir + "/r", ignored);
}

}  // namespace hearth::controller
