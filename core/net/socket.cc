#include "core/net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <system_error>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::net {
namespace {

struct SocketName {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

absl::StatusOr<SocketName> NameOf(const Address& address) {
  SocketName name;
  if (address.kind == Address::Kind::kUnix) {
    auto* un = reinterpret_cast<sockaddr_un*>(&name.storage);
    if (address.host.empty() || address.host.size() >= sizeof un->sun_path) {
      return InvalidArgument(Cat("the path of ", address.Text(), " is empty or too long"));
    }
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, address.host.data(), address.host.size());
    name.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.host.size() + 1);
    return name;
  }
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&name.storage);
      ::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    name.size = sizeof *v4;
    return name;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
  if (::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) != 1) {
    return InvalidArgument(Cat(address.Text(), " holds no IP address"));
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(address.port);
  name.size = sizeof *v6;
  return name;
}

void Enable(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

absl::Status CannotListen(const Address& address, int error) {
  const std::string what = Cat("cannot listen on ", address.Text(), ": ", ErrnoText(error));
  if (error == EADDRINUSE) {
    return AlreadyExists(Cat(what, "; another program has it: stop that one or choose another"));
  }
  if (error == EACCES)
    return PermissionDenied(Cat(what, "; choose a port above 1023 or a folder of yours"));
  if (error == EADDRNOTAVAIL) return InvalidArgument(Cat(what, "; no interface has this address"));
  return Unavailable(what);
}

// True where some process accepts connections on the path, or nobody can tell that none does.
bool SomebodyAnswers(const SocketName& name) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return true;
  if (::connect(probe.get(), name.get(), name.size) == 0) return true;
  return errno != ECONNREFUSED;
}

absl::Status RemoveStaleSocket(const Address& address, const SocketName& name) {
  struct stat st {};
  if (::lstat(address.host.c_str(), &st) != 0) return absl::OkStatus();
  if (!S_ISSOCK(st.st_mode)) {
    return AlreadyExists(Cat("cannot listen on ", address.Text(),
                             ": a file that is not a socket is "
                             "there; remove it or choose another path"));
  }
  if (SomebodyAnswers(name)) return CannotListen(address, EADDRINUSE);
  ::unlink(address.host.c_str());
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> TakeInherited(const Address& address) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(address.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening) {
    return InvalidArgument(Cat(address.Text(),
                               " is not a listening socket; the parent process has "
                               "to open it and pass it on"));
  }
  UniqueFd fd(address.fd);
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  RETURN_IF_ERROR(SetNonBlocking(fd.get()));
  return fd;
}

}  // namespace

std::string ErrnoText(int error) { return std::generic_category().message(error); }

absl::Status SetNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    return Internal(Cat("descriptor ", fd, ": ", ErrnoText(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenListener(const Address& address, const ListenOptions& options) {
  if (address.kind == Address::Kind::kInheritedFd) return TakeInherited(address);
  ASSIGN_OR_RETURN(const SocketName name, NameOf(address));
  UniqueFd fd(::socket(name.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return CannotListen(address, errno);
  const bool is_unix = address.kind == Address::Kind::kUnix;
  if (is_unix) {
    RETURN_IF_ERROR(RemoveStaleSocket(address, name));
    // Before bind: the file must never be open to others, not even for a moment.
    ::fchmod(fd.get(), options.unix_mode);
  } else {
    Enable(fd.get(), SOL_SOCKET, SO_REUSEADDR);
    if (options.reuse_port) Enable(fd.get(), SOL_SOCKET, SO_REUSEPORT);
    Enable(fd.get(), IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it
    if (name.get()->sa_family == AF_INET6) Enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (::bind(fd.get(), name.get(), name.size) != 0) return CannotListen(address, errno);
  if (is_unix) ::chmod(address.host.c_str(), options.unix_mode);
  if (::listen(fd.get(), options.backlog) != 0) return CannotListen(address, errno);
  return fd;
}

absl::StatusOr<Address> LocalAddress(int fd) {
  SocketName name;
  name.size = sizeof name.storage;
  if (::getsockname(fd, name.get(), &name.size) != 0) {
    return Internal(Cat("descriptor ", fd, " is not a socket: ", ErrnoText(errno)));
  }
  Address address;
  if (name.storage.ss_family == AF_UNIX) {
    address.kind = Address::Kind::kUnix;
    address.host = reinterpret_cast<const sockaddr_un*>(&name.storage)->sun_path;
    return address;
  }
  address.host = PeerIpText(name.storage);
  address.port = ntohs(name.storage.ss_family == AF_INET6
                           ? reinterpret_cast<const sockaddr_in6*>(&name.storage)->sin6_port
                           : reinterpret_cast<const sockaddr_in*>(&name.storage)->sin_port);
  return address;
}

absl::StatusOr<UniqueFd> StartConnect(const Address& address, bool* finished) {
  if (address.kind == Address::Kind::kInheritedFd) {
    return InvalidArgument(Cat("cannot connect to ", address.Text()));
  }
  ASSIGN_OR_RETURN(const SocketName name, NameOf(address));
  UniqueFd fd(::socket(name.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return Unavailable(Cat("cannot connect to ", address.Text(), ": ", ErrnoText(errno)));
  }
  if (address.kind == Address::Kind::kTcp) Enable(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  *finished = ::connect(fd.get(), name.get(), name.size) == 0;
  if (*finished || errno == EINPROGRESS) return fd;
  const std::string what = Cat("cannot connect to ", address.Text(), ": ", ErrnoText(errno));
  return errno == EAGAIN ? ResourceExhausted(what) : Unavailable(what);
}

std::string PeerIpText(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr, text, sizeof text);
  } else if (peer.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr, text,
                sizeof text);
  }
  return text;
}

}  // namespace hearth::net
