#include "gateway/app/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::gateway {
namespace {

constexpr std::string_view kReady = "READY=1\n";

void NotifySystemd(const std::string& text) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  sockaddr_un name{};
  const size_t length = std::strlen(path);
  if (length >= sizeof(name.sun_path)) return;
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path, length);
  if (name.sun_path[0] == '@') name.sun_path[0] = '\0';  // an abstract name
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  (void)::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&name), size);
}

}  // namespace

void NotifyReady(int fd, bool took_over) {
  NotifySystemd(took_over ? Cat(kReady, "MAINPID=", ::getpid(), "\n") : std::string(kReady));
  if (fd < 0) return;
  const UniqueFd owned(fd);
  [[maybe_unused]] const ssize_t n = ::write(owned.get(), kReady.data(), kReady.size());
}

}  // namespace hearth::gateway
