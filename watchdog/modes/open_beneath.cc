#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/strings.h"
#include "watchdog/modes/static.h"

namespace hearth::watchdog {
namespace {

// Not blocking: a FIFO in the folder may not hang the replica.
constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// Folder by folder, for kernels and sandboxes without openat2.
UniqueFd OpenStepwise(int root, const std::string& name) {
  UniqueFd at(openat(root, ".", kFlags | O_DIRECTORY));
  for (std::string_view part : Split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      errno = EXDEV;
      return UniqueFd();
    }
    at = UniqueFd(openat(at.get(), std::string(part).c_str(), kFlags | O_NOFOLLOW));
    if (!at.valid()) return at;
  }
  return at;
}

}  // namespace

UniqueFd OpenBeneath(int root, const std::string& name) {
  open_how how{};
  how.flags = static_cast<uint64_t>(kFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, root, name.empty() ? "." : name.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  if (errno == ENOSYS || errno == EPERM) return OpenStepwise(root, name);
  return UniqueFd();
}

}  // namespace hearth::watchdog
