#include "controller/images/rootfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

constexpr const char* kFolders[] = {"proc",
                                    "dev",
                                    "tmp",
                                    "sys",
                                    "run",
                                    "var/tmp",
                                    "var/task",
                                    "run/secrets",
                                    "var/openfaas/secrets",
                                    ".hearth/gateway",
                                    "etc",
                                    "sys/fs/cgroup/memory"};
constexpr const char* kFiles[] = {".hearth/watchdog", "etc/resolv.conf", "etc/hosts"};
constexpr size_t kMaxAccounts = 1 << 20;

UniqueFd OpenInRoot(int root, const char* path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof(how))));
}

// Opens or makes the folder `path` below `root`, links resolved as the image's own processes see
// them.
absl::StatusOr<UniqueFd> MakeFolder(int root, std::string_view path) {
  std::string so_far;
  UniqueFd at(fcntl(root, F_DUPFD_CLOEXEC, 0));
  for (std::string_view part : Split(path, '/')) {
    const std::string name(part);
    so_far += so_far.empty() ? name : "/" + name;
    // The mode again, whatever the umask: the function's user has to pass.
    const bool made = mkdirat(at.get(), name.c_str(), 0755) == 0;
    if (made ? fchmodat(at.get(), name.c_str(), 0755, 0) != 0 : errno != EEXIST) {
      return Unavailable(Cat("cannot make ", so_far, " in the image: ", strerror(errno)));
    }
    at = OpenInRoot(root, so_far.c_str(), O_RDONLY | O_DIRECTORY);
    if (!at.valid()) {
      return InvalidArgument(Cat("spec.image: /", so_far, " is not a folder in the image"));
    }
  }
  return at;
}

std::string ReadInRoot(int root, const char* path) {
  const UniqueFd fd = OpenInRoot(root, path, O_RDONLY);
  std::string out;
  char buffer[8192];
  ssize_t n = 0;
  while (fd.valid() && out.size() < kMaxAccounts &&
         (n = read(fd.get(), buffer, sizeof(buffer))) > 0) {
    out.append(buffer, static_cast<size_t>(n));
  }
  return out;
}

// The line "name:x:ID…" of passwd or group whose name (or id) is `wanted`.
std::optional<std::vector<std::string_view>> FindAccount(std::string_view text,
                                                         std::string_view wanted, size_t column) {
  for (std::string_view line : Split(text, '\n')) {
    auto fields = Split(line, ':');
    if (fields.size() >= 3 && fields[column] == wanted) return fields;
  }
  return std::nullopt;
}

uint32_t Number(std::string_view text) {
  return static_cast<uint32_t>(ParseUint(text).value_or(0));
}

}  // namespace

absl::Status PrepareMountPoints(const std::string& rootfs) {
  const UniqueFd root(open(rootfs.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return Unavailable(Cat("cannot open ", rootfs));
  for (const char* folder : kFolders) RETURN_IF_ERROR(MakeFolder(root.get(), folder).status());
  for (const char* file : kFiles) {
    const std::string_view path = file;
    const size_t slash = path.rfind('/');
    ASSIGN_OR_RETURN(const UniqueFd parent, MakeFolder(root.get(), path.substr(0, slash)));
    const std::string name(path.substr(slash + 1));
    struct stat info {};
    if (fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISREG(info.st_mode)) {
      unlinkat(parent.get(), name.c_str(), 0);
    }
    const UniqueFd fd(
        openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd.valid()) return Unavailable(Cat("cannot make /", path, " in the image"));
  }
  return absl::OkStatus();
}

absl::Status LookUpUser(const std::string& rootfs, std::string_view user, uint32_t* uid,
                        uint32_t* gid) {
  *uid = *gid = 0;
  if (user.empty()) return absl::OkStatus();
  const UniqueFd root(open(rootfs.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return Unavailable(Cat("cannot open ", rootfs));
  const size_t colon = user.find(':');
  const std::string_view name = user.substr(0, colon);
  const std::string passwd = ReadInRoot(root.get(), "etc/passwd");
  const bool numeric = ParseUint(name).has_value();
  const auto account = FindAccount(passwd, name, numeric ? 2 : 0);
  if (!numeric && !account) {
    return InvalidArgument(Cat("spec.image: its user \"", name, "\" is not in its /etc/passwd"));
  }
  *uid = numeric ? Number(name) : Number((*account)[2]);
  if (account && account->size() > 3) *gid = Number((*account)[3]);
  if (colon == std::string_view::npos) return absl::OkStatus();
  const std::string_view group = user.substr(colon + 1);
  if (ParseUint(group)) {
    *gid = Number(group);
    return absl::OkStatus();
  }
  const std::string groups = ReadInRoot(root.get(), "etc/group");
  const auto found = FindAccount(groups, group, 0);
  if (!found) {
    return InvalidArgument(Cat("spec.image: its group \"", group, "\" is not in its /etc/group"));
  }
  *gid = Number((*found)[2]);
  return absl::OkStatus();
}

}  // namespace hearth::controller
