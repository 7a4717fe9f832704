#include "core/net/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <limits>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::net {
namespace {

absl::Status Bad(std::string_view text, std::string_view why) {
  return InvalidArgument(Cat("\"", text, "\" is not an address: ", why,
                             "; write it like \"127.0.0.1:8080\", \"[::1]:8080\" or "
                             "\"unix:/run/hearth.sock\""));
}

bool IsIp(int family, const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(family, host.c_str(), bytes) == 1;
}

}  // namespace

std::string Address::Text() const {
  switch (kind) {
    case Kind::kUnix:
      return Cat("unix:", host);
    case Kind::kInheritedFd:
      return Cat("fd:", fd);
    case Kind::kTcp:
      break;
  }
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? Cat("[", host, "]:", port) : Cat(host, ":", port);
}

bool Address::IsLoopback() const {
  if (kind == Kind::kUnix) return true;
  return kind == Kind::kTcp &&
         (host == "::1" || host.starts_with("127.") || StartsWithIgnoreCase(host, "::ffff:127."));
}

absl::StatusOr<Address> Address::Parse(std::string_view text) {
  Address address;
  if (text.starts_with("unix:")) {
    address.kind = Kind::kUnix;
    address.host = text.substr(5);
    if (address.host.empty()) return Bad(text, "the path is missing");
    if (address.host.find('\0') != std::string::npos) return Bad(text, "the path holds a NUL");
    if (address.host.size() >= sizeof(sockaddr_un::sun_path)) {
      return Bad(text, Cat("the path has ", address.host.size(), " characters, the kernel allows ",
                           sizeof(sockaddr_un::sun_path) - 1));
    }
    return address;
  }
  if (text.starts_with("fd:")) {
    const auto fd = ParseUint(text.substr(3));
    if (!fd || *fd > static_cast<uint64_t>(std::numeric_limits<int>::max())) {
      return Bad(text, "fd: is followed by the number of a descriptor");
    }
    address.kind = Kind::kInheritedFd;
    address.fd = static_cast<int>(*fd);
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Bad(text, "the port is missing");
  const auto port = ParseUint(text.substr(colon + 1));
  if (!port || *port > 65535) return Bad(text, "the port is not a number from 0 to 65535");
  address.port = static_cast<uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  address.host = host;
  if (!IsIp(bracketed ? AF_INET6 : AF_INET, address.host)) {
    return Bad(text, Cat("\"", host, "\" is not an IP address (names are not looked up)"));
  }
  return address;
}

}  // namespace hearth::net
