#include "cli/serve/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "core/net/address.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct SocketName {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_INET;
};

SocketName NameOf(const net::Address& address) {
  SocketName name;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&name.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
  if (::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    name.size = sizeof *v4;
  } else {
    ::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    name.size = sizeof *v6;
    name.family = AF_INET6;
  }
  return name;
}

// The inode of the socket that listens on a port, from the kernel's table; "" where none does.
std::string ListeningInode(const char* table, uint16_t port) {
  std::ifstream in(table);
  std::string line;
  char wanted[8];
  snprintf(wanted, sizeof wanted, ":%04X", port);
  while (std::getline(in, line)) {
    const std::vector<std::string_view> fields = SplitFields(line);
    if (fields.size() > 9 && fields[1].ends_with(wanted) && fields[3] == "0A") {
      return std::string(fields[9]);
    }
  }
  return "";
}

// " by process 123 (nginx)", or "" where it cannot be seen.
std::string HolderOf(uint16_t port) {
  std::string inode = ListeningInode("/proc/net/tcp", port);
  if (inode.empty()) inode = ListeningInode("/proc/net/tcp6", port);
  if (inode.empty()) return "";
  const std::string target = Cat("socket:[", inode, "]");
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string pid = process.path().filename().string();
    if (!ParseUint(pid)) continue;
    for (auto fd = fs::directory_iterator(process.path() / "fd", error);
         !error && fd != fs::directory_iterator(); fd.increment(error)) {
      if (fs::read_symlink(fd->path(), error).string() != target) continue;
      std::ifstream comm(process.path() / "comm");
      std::string name;
      std::getline(comm, name);
      return Cat(" by process ", pid, " (", name, ")");
    }
    error.clear();
  }
  return "";
}

}  // namespace

absl::Status CheckPort(const std::string& address, std::string_view flag) {
  ASSIGN_OR_RETURN(const net::Address parsed, net::Address::Parse(address));
  if (parsed.port == 0) return absl::OkStatus();
  const SocketName name = NameOf(parsed);
  const UniqueFd fd(::socket(name.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid())
    return Internal(Cat("cannot make a socket: ", std::string_view(strerror(errno))));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name.storage), name.size) == 0 &&
      ::listen(fd.get(), 1) == 0) {
    return absl::OkStatus();
  }
  const int error = errno;
  if (error == EADDRINUSE) {
    return FailedPrecondition(Cat("port ", parsed.port, " is taken", HolderOf(parsed.port),
                                  "; choose another with ", flag, " ", parsed.host, ":PORT"));
  }
  if (error == EACCES) {
    return PermissionDenied(Cat("port ", parsed.port, " needs root; choose one above 1023 with ",
                                flag, " ", parsed.host, ":PORT"));
  }
  if (error == EADDRNOTAVAIL) {
    return FailedPrecondition(Cat(parsed.host, " is no address of this machine; change ", flag));
  }
  return FailedPrecondition(
      Cat("cannot listen on ", address, " (", flag, "): ", std::string_view(strerror(error))));
}

std::string LocalUrl(const std::string& listen) {
  auto address = net::Address::Parse(listen);
  if (!address.ok()) return "http://" + listen;
  if (address->host == "0.0.0.0") address->host = "127.0.0.1";
  if (address->host == "::") address->host = "::1";
  return "http://" + address->Text();
}

bool IsExposed(const std::string& listen) {
  const auto address = net::Address::Parse(listen);
  return address.ok() && !address->IsLoopback();
}

}  // namespace hearth::cli
