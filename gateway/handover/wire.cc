#include "gateway/handover/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/strings.h"
#include "core/net/socket.h"

namespace hearth::handover {
namespace {

constexpr std::string_view kWithRoutes = "sockets routes=yes";
constexpr std::string_view kWithoutRoutes = "sockets routes=no";
constexpr size_t kLargestPacket = 64 * 1024;

// Room for the descriptors of one packet, aligned as the kernel wants it.
union ControlRoom {
  char bytes[CMSG_SPACE(sizeof(int) * kMostDescriptors)];
  cmsghdr alignment;
};

void TakeDescriptors(msghdr* message, std::vector<UniqueFd>* out) {
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      out->emplace_back(fd);
    }
  }
}

absl::Status WaitReadable(int fd, Duration patience, int wake) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {wake, POLLIN, 0}};
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  const int n = ::poll(fds, 2, static_cast<int>(millis));
  if (n < 0 && errno != EINTR) return Unavailable(net::ErrnoText(errno));
  if (fds[1].revents != 0) return absl::CancelledError("stopped");
  if (n <= 0) return DeadlineExceeded(Cat("no word within ", FormatDuration(patience)));
  return absl::OkStatus();
}

}  // namespace

std::string FormatSockets(const SocketList& list) {
  std::string text(list.has_routes ? kWithRoutes : kWithoutRoutes);
  for (const auto& line : list.lines) text += Cat("\n", line.role, " ", line.address);
  return text;
}

absl::StatusOr<SocketList> ParseSockets(std::string_view packet) {
  SocketList list;
  bool first = true;
  for (const std::string_view line : Split(packet, '\n')) {
    if (first) {
      first = false;
      if (line != kWithRoutes && line != kWithoutRoutes) {
        return InvalidArgument(Cat("expected a list of sockets, not \"", line.substr(0, 80), "\""));
      }
      list.has_routes = line == kWithRoutes;
      continue;
    }
    const size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == line.size()) {
      return InvalidArgument(Cat("not a socket's line: \"", line.substr(0, 80), "\""));
    }
    list.lines.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
  }
  return list;
}

absl::Status SendPacket(int fd, std::string_view text, const std::vector<int>& descriptors) {
  if (descriptors.size() > kMostDescriptors) return Internal("too many descriptors at once");
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ControlRoom room{};
  if (!descriptors.empty()) {
    const size_t size = sizeof(int) * descriptors.size();
    message.msg_control = room.bytes;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(part), descriptors.data(), size);
  }
  const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return Unavailable(Cat("cannot send: ", net::ErrnoText(errno)));
}

absl::StatusOr<Packet> ReceivePacket(int fd, Duration patience, int wake) {
  if (absl::Status status = WaitReadable(fd, patience, wake); !status.ok()) return status;
  Packet packet;
  packet.text.resize(kLargestPacket);
  iovec piece{packet.text.data(), packet.text.size()};
  ControlRoom room{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  const ssize_t n = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n <= 0) return Unavailable(n == 0 ? std::string("it has closed") : net::ErrnoText(errno));
  TakeDescriptors(&message, &packet.descriptors);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return InvalidArgument(
        "a packet came cut off; is the limit of open files (ulimit -n) reached?");
  }
  packet.text.resize(static_cast<size_t>(n));
  return packet;
}

}  // namespace hearth::handover
