#include "core/net/resolve.h"

#include <netdb.h>

#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/net/socket.h"

namespace hearth::net {

absl::StatusOr<std::vector<Address>> Resolve(std::string_view host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(std::string(host).c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return Unavailable(Cat("cannot look up \"", host, "\": ", ::gai_strerror(error)));
  }
  std::vector<Address> addresses;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    sockaddr_storage name{};
    std::memcpy(&name, a->ai_addr, a->ai_addrlen);
    Address address;
    address.host = PeerIpText(name);
    address.port = port;
    if (!address.host.empty()) addresses.push_back(std::move(address));
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) return Unavailable(Cat("\"", host, "\" has no IP address"));
  return addresses;
}

}  // namespace hearth::net
