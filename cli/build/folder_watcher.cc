#include "cli/build/folder_watcher.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>

#include <filesystem>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEvents =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB;

}  // namespace

bool IsWatched(std::string_view name) {
  // Editors' temporary files begin with a dot or end with "~" as well.
  return !name.empty() && name.front() != '.' && name.back() != '~' && name != "node_modules" &&
         name != "__pycache__" && name != "4913";
}

absl::StatusOr<std::unique_ptr<FolderWatcher>> FolderWatcher::Open() {
  std::unique_ptr<FolderWatcher> watcher(new FolderWatcher());
  watcher->fd_.Reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watcher->fd_.valid()) return ResourceExhausted("cannot watch files: inotify is exhausted");
  return watcher;
}

void FolderWatcher::Clear() {
  for (const auto& [watch, folder] : folders_) ::inotify_rm_watch(fd_.get(), watch);
  folders_.clear();
  trees_.clear();
  files_.clear();
  std::string ignored;
  ReadEvents(&ignored);
}

absl::Status FolderWatcher::AddFolder(const std::string& folder) {
  const int watch = ::inotify_add_watch(fd_.get(), folder.c_str(), kEvents | IN_ONLYDIR);
  if (watch < 0) {
    return errno == ENOSPC
               ? ResourceExhausted("cannot watch files: raise fs.inotify.max_user_watches")
               : NotFound(Cat("cannot watch ", folder));
  }
  folders_[watch] = folder;
  return absl::OkStatus();
}

absl::Status FolderWatcher::AddTree(const std::string& folder) {
  RETURN_IF_ERROR(AddFolder(folder));
  trees_.insert(folder);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error) && !entry.is_symlink(error) &&
        IsWatched(entry.path().filename().string())) {
      RETURN_IF_ERROR(AddTree(entry.path().string()));
    }
  }
  return absl::OkStatus();
}

absl::Status FolderWatcher::AddFile(const std::string& file) {
  const size_t slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash);
  files_.insert(Cat(folder, "/", slash == std::string::npos ? file : file.substr(slash + 1)));
  return trees_.contains(folder) ? absl::OkStatus() : AddFolder(folder);
}

bool FolderWatcher::ReadEvents(std::string* changed) {
  alignas(inotify_event) char buffer[16384];
  bool any = false;
  while (true) {
    const ssize_t n = ::read(fd_.get(), buffer, sizeof buffer);
    if (n <= 0) return any;
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const auto folder = folders_.find(event->wd);
      if (folder == folders_.end() || event->len == 0 || !IsWatched(event->name)) continue;
      const std::string path = Cat(folder->second, "/", std::string_view(event->name));
      const bool in_tree = trees_.contains(folder->second);
      if (!in_tree && !files_.contains(path)) continue;
      if (in_tree && (event->mask & IN_ISDIR) != 0 &&
          (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        AddTree(path).IgnoreError();
      }
      *changed = path;
      any = true;
    }
  }
}

absl::StatusOr<std::string> FolderWatcher::Wait(Duration quiet) {
  std::string changed;
  while (true) {
    pollfd p{fd_.get(), POLLIN, 0};
    const int timeout =
        changed.empty() ? -1
                        : static_cast<int>(
                              std::chrono::duration_cast<std::chrono::milliseconds>(quiet).count());
    const int ready = ::poll(&p, 1, timeout);
    if (ready < 0 && errno != EINTR) return Internal("cannot wait for changes");
    if (ready == 0) return changed;
    if (ready > 0) ReadEvents(&changed);
  }
}

}  // namespace hearth::cli
