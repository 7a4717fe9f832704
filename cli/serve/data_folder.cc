#include "cli/serve/data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/digest.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

// The longest path below run/: "/r/" REPLICA "/control.sock", and some room.
constexpr size_t kLongestBelowRun = 52;
constexpr size_t kSocketPath = 107;

std::string_view ErrnoText() { return strerror(errno); }

absl::StatusOr<std::string> MakeData(const std::string& wanted) {
  constexpr std::string_view kRemedy = "; name another folder with --data";
  if (auto made = MakeFolders(wanted, 0700); !made.ok()) {
    return FailedPrecondition(Cat(Message(made), kRemedy));
  }
  char real[PATH_MAX];
  if (::realpath(wanted.c_str(), real) == nullptr) {
    return FailedPrecondition(Cat("cannot use ", wanted, ": ", ErrnoText(), kRemedy));
  }
  struct stat st {};
  if (::stat(real, &st) != 0 || ::access(real, R_OK | W_OK | X_OK) != 0) {
    return PermissionDenied(Cat("cannot write to ", wanted, ": ", ErrnoText(), kRemedy));
  }
  if (st.st_uid != ::geteuid() && ::geteuid() != 0) {
    return PermissionDenied(Cat(wanted, " belongs to another user", kRemedy));
  }
  // A folder that was there before and holds other things keeps its permissions: what is ours in it
  // is closed to others one by one.
  std::error_code error;
  const bool ours =
      fs::is_empty(real, error) || fs::exists(Cat(std::string_view(real), "/lock"), error);
  if (ours && (st.st_mode & 077) != 0 && ::chmod(real, 0700) != 0) {
    return PermissionDenied(
        Cat("cannot close ", wanted, " to other users: ", ErrnoText(), kRemedy));
  }
  return std::string(real);
}

// Also the holder's process id is in the file, for the message.
absl::StatusOr<UniqueFd> Lock(const std::string& data) {
  const std::string path = data + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return FailedPrecondition(Cat("cannot write ", path, ": ", ErrnoText()));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    char text[32] = {};
    const ssize_t n = ::pread(fd.get(), text, sizeof text - 1, 0);
    const std::string_view pid = n > 0 ? Trim({text, static_cast<size_t>(n)}) : "?";
    return FailedPrecondition(Cat("a platform already runs on ", data, " (process ", pid,
                                  "); stop it, or start a second one with another --data"));
  }
  const std::string pid = Cat(::getpid(), "\n");
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return ResourceExhausted(Cat("cannot write ", path, ": ", ErrnoText()));
  }
  return fd;
}

// That the descriptor holds the lock of this very folder.
absl::Status CheckLock(const std::string& data, int fd) {
  struct stat held {
  }, wanted{};
  if (::fstat(fd, &held) == 0 && ::stat((data + "/lock").c_str(), &wanted) == 0 &&
      held.st_ino == wanted.st_ino && held.st_dev == wanted.st_dev &&
      ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
    return absl::OkStatus();
  }
  return FailedPrecondition(Cat("the lock of ", data, " was not passed on: start serve anew"));
}

// A folder in a shared place must be ours, or somebody else could listen on our sockets.
absl::Status MakePrivate(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return FailedPrecondition(Cat("cannot make the folder ", path, ": ", ErrnoText()));
  }
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != ::geteuid() ||
      (st.st_mode & 077) != 0) {
    return PermissionDenied(Cat(path, " is not a private folder of yours; remove it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MakeRun(const std::string& data, const Environment& environment) {
  const std::string run = data + "/run";
  const std::string elsewhere = ShortRunFolder(data, environment("XDG_RUNTIME_DIR"), ::geteuid());
  struct stat st {};
  const bool exists = ::lstat(run.c_str(), &st) == 0;
  if (elsewhere.empty()) {
    if (exists && S_ISLNK(st.st_mode)) ::unlink(run.c_str());
    RETURN_IF_ERROR(MakeFolders(run, 0700));
    return run;
  }
  RETURN_IF_ERROR(MakePrivate(elsewhere));
  std::error_code error;
  if (exists && !S_ISLNK(st.st_mode)) fs::remove_all(run, error);
  if (exists && S_ISLNK(st.st_mode)) ::unlink(run.c_str());
  if (::symlink(elsewhere.c_str(), run.c_str()) != 0) {
    return FailedPrecondition(Cat("cannot make the link ", run, ": ", ErrnoText()));
  }
  return elsewhere;
}

std::string NewPassword() { return RandomBase36(24); }

}  // namespace

std::string ShortRunFolder(const std::string& data, const std::optional<std::string>& runtime_dir,
                           unsigned uid) {
  if (data.size() + 4 + kLongestBelowRun <= kSocketPath) return "";
  const std::string name = model::Sha256Hex(data).substr(0, 12);
  const bool usable = runtime_dir && runtime_dir->starts_with('/') && runtime_dir->size() < 28;
  return usable ? Cat(*runtime_dir, "/hearth-", name) : Cat("/tmp/hearth-", uid, "-", name);
}

DataFolder::DataFolder(std::string path, std::string run, UniqueFd lock)
    : path_(std::move(path)), run_(std::move(run)), lock_(std::move(lock)) {}

DataFolder::~DataFolder() {
  ::unlink((run_ + "/endpoint").c_str());
  ::unlink((run_ + "/serve.pid").c_str());
}

absl::StatusOr<std::unique_ptr<DataFolder>> DataFolder::Open(const std::string& path,
                                                             const Environment& environment,
                                                             UniqueFd lock) {
  ASSIGN_OR_RETURN(const std::string data, MakeData(path));
  if (lock.valid()) {
    RETURN_IF_ERROR(CheckLock(data, lock.get()));
  } else {
    ASSIGN_OR_RETURN(lock, Lock(data));
  }
  ASSIGN_OR_RETURN(std::string run, MakeRun(data, environment));
  std::unique_ptr<DataFolder> folder(new DataFolder(data, std::move(run), std::move(lock)));
  ::unlink((folder->run_ + "/endpoint").c_str());
  RETURN_IF_ERROR(folder->WritePid("serve", ::getpid()));
  return folder;
}

absl::StatusOr<DataFolder::Keys> DataFolder::EnsureCredentials() {
  const std::string path = credentials_file();
  auto text = ReadFile(path);
  if (text.ok()) {
    auto credentials = ParseCredentials(*text);
    if (!credentials.ok()) {
      return FailedPrecondition(Cat(path, " ", Message(credentials.status()),
                                    "; correct it, or remove it to get a new password"));
    }
    struct stat st {};
    if (::stat(path.c_str(), &st) == 0 && (st.st_mode & 077) != 0) ::chmod(path.c_str(), 0600);
    return Keys{*std::move(credentials), false};
  }
  if (text.status().code() != absl::StatusCode::kNotFound) return text.status();
  Keys keys{{"admin", NewPassword()}, true};
  RETURN_IF_ERROR(WriteFileAtomically(
      path, Cat(keys.credentials.user, ":", keys.credentials.password, "\n"), 0600));
  return keys;
}

absl::Status DataFolder::WriteEndpoint(const std::string& url) {
  return WriteFileAtomically(run_ + "/endpoint", url + "\n", 0600);
}

absl::Status DataFolder::WritePid(const std::string& name, int pid) {
  return WriteFileAtomically(Cat(run_, "/", name, ".pid"), Cat(pid, "\n"), 0600);
}

void DataFolder::RemovePid(const std::string& name) {
  ::unlink(Cat(run_, "/", name, ".pid").c_str());
}

std::optional<int> DataFolder::LeftOver(const std::string& name, const std::string& program) const {
  const auto text = ReadFile(Cat(run_, "/", name, ".pid"));
  if (!text.ok()) return std::nullopt;
  const auto pid = ParseInt(Trim(*text));
  if (!pid || *pid <= 1 || ::kill(static_cast<pid_t>(*pid), 0) != 0) return std::nullopt;
  char exe[PATH_MAX];
  const ssize_t n = ::readlink(Cat("/proc/", *pid, "/exe").c_str(), exe, sizeof exe);
  if (n <= 0) return std::nullopt;
  std::string_view target(exe, static_cast<size_t>(n));
  if (target.ends_with(" (deleted)")) target.remove_suffix(10);
  return target.ends_with("/" + program) ? std::optional<int>(static_cast<int>(*pid))
                                         : std::nullopt;
}

}  // namespace hearth::cli
