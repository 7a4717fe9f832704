#include "gateway/handover/take_over.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/socket.h"

namespace hearth::handover {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);

absl::StatusOr<sockaddr_un> NameOf(const std::string& path) {
  sockaddr_un name{};
  if (path.empty() || path.size() >= sizeof name.sun_path) {
    return InvalidArgument(Cat("the path ", path, " has ", path.size(),
                               " characters; a socket's has 1 to ", sizeof name.sun_path - 1));
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  return name;
}

UniqueFd NewSocket() { return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

absl::Status Because(const std::string& path, std::string_view what, const absl::Status& status) {
  return absl::Status(status.code(),
                      A(Cat("the gateway that runs (", path, ") ", what, ": ", Message(status))));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TakeOver>> TakeOver::Begin(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un name, NameOf(path));
  UniqueFd fd = NewSocket();
  if (!fd.valid()) return Unavailable(Cat("cannot make a socket: ", net::ErrnoText(errno)));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::unique_ptr<TakeOver>();
    return Unavailable(Cat("cannot connect to ", path, ": ", net::ErrnoText(errno)));
  }
  std::unique_ptr<TakeOver> take_over(new TakeOver(std::move(fd)));
  if (absl::Status status = take_over->Receive(); !status.ok()) {
    return Because(path, "does not hand over", status);
  }
  return take_over;
}

absl::Status TakeOver::Receive() {
  RETURN_IF_ERROR(SendPacket(connection_.get(), kHello));
  for (;;) {
    ASSIGN_OR_RETURN(Packet packet, ReceivePacket(connection_.get(), kPatience));
    const std::string_view text = packet.text;
    if (text == kEnd) return absl::OkStatus();
    if (text.starts_with(kError)) {
      return FailedPrecondition(std::string(text.substr(kError.size())));
    }
    ASSIGN_OR_RETURN(SocketList list, ParseSockets(text));
    if (list.lines.size() != packet.descriptors.size()) {
      return InvalidArgument(
          Cat(list.lines.size(), " sockets were named, ", packet.descriptors.size(), " came"));
    }
    has_routes_ = list.has_routes;
    for (size_t i = 0; i < list.lines.size(); ++i) {
      sockets_.push_back({std::move(list.lines[i].role), std::move(list.lines[i].address),
                          std::move(packet.descriptors[i])});
    }
  }
}

std::vector<UniqueFd> TakeOver::Take(const std::string& role, const std::string& address) {
  std::vector<UniqueFd> taken;
  for (PassedSocket& socket : sockets_) {
    if (socket.role != role || socket.address != address || !socket.fd.valid()) continue;
    taken.push_back(std::move(socket.fd));
  }
  return taken;
}

absl::Status TakeOver::Go() {
  RETURN_IF_ERROR(SendPacket(connection_.get(), kGo));
  ASSIGN_OR_RETURN(const Packet packet, ReceivePacket(connection_.get(), kPatience));
  if (packet.text == kLeaving) return absl::OkStatus();
  return InvalidArgument(Cat("it said \"", packet.text.substr(0, 80), "\""));
}

absl::StatusOr<UniqueFd> OpenHandoverSocket(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un name, NameOf(path));
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) {
      return AlreadyExists(Cat(path, " is there and no socket; remove it or choose another path"));
    }
    ::unlink(path.c_str());  // nobody answered at it
  }
  UniqueFd fd = NewSocket();
  if (!fd.valid()) return Unavailable(Cat("cannot make a socket: ", net::ErrnoText(errno)));
  ::fchmod(fd.get(), 0600);  // before bind: it must never be open to others
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(fd.get(), 8) != 0) {
    return Unavailable(Cat("cannot listen at ", path, ": ", net::ErrnoText(errno)));
  }
  return fd;
}

}  // namespace hearth::handover
