#include "cli/config/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::cli {
namespace {

std::string Home(const Environment& environment) { return environment("HOME").value_or("/"); }

std::string XdgFolder(const Environment& environment, std::string_view variable,
                      std::string_view fallback) {
  const auto given = environment(variable);
  const std::string base =
      given && given->starts_with('/') ? *given : Cat(Home(environment), "/", fallback);
  return base + "/hearth";
}

absl::Status ErrnoStatus(std::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message = Cat(what, " ", path, ": ", std::string_view(strerror(error)));
  if (error == ENOENT) return NotFound(message);
  if (error == EACCES || error == EPERM) return PermissionDenied(message);
  return FailedPrecondition(message);
}

}  // namespace

std::string DefaultDataFolder(const Environment& environment) {
  if (auto given = environment("HEARTH_DATA"); given && !given->empty()) return *given;
  return XdgFolder(environment, "XDG_DATA_HOME", ".local/share");
}

std::string CredentialsFile(const Environment& environment) {
  return XdgFolder(environment, "XDG_CONFIG_HOME", ".config") + "/credentials";
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("cannot read", path);
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n == 0) return content;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("cannot read", path);
    content.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status MakeFolders(const std::string& path, unsigned mode) {
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0) {
    if (S_ISDIR(st.st_mode)) return absl::OkStatus();
    return FailedPrecondition(Cat("cannot use ", path, ": it is not a folder"));
  }
  const size_t slash = path.find_last_not_of('/') == std::string::npos
                           ? std::string::npos
                           : path.rfind('/', path.find_last_not_of('/'));
  if (slash != std::string::npos && slash > 0) {
    RETURN_IF_ERROR(MakeFolders(path.substr(0, slash), mode));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return ErrnoStatus("cannot make the folder", path);
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    RETURN_IF_ERROR(MakeFolders(path.substr(0, slash), 0700));
  }
  const std::string temporary = Cat(path, ".", ::getpid(), ".new");
  ::unlink(temporary.c_str());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) return ErrnoStatus("cannot write", temporary);
  for (size_t at = 0; at < content.size();) {
    const ssize_t n = ::write(fd.get(), content.data() + at, content.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const absl::Status status = ErrnoStatus("cannot write", temporary);
      ::unlink(temporary.c_str());
      return status;
    }
    at += static_cast<size_t>(n);
  }
  if (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const absl::Status status = ErrnoStatus("cannot write", path);
    ::unlink(temporary.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace hearth::cli
