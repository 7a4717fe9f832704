#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::net {

// Where to listen or connect: "unix:/path", "127.0.0.1:8080", "[::1]:8080", or "fd:3" for a
// listening socket that was inherited. Names are not resolved: a literal IP address only.
struct Address {
  enum class Kind : uint8_t { kTcp, kUnix, kInheritedFd };
  Kind kind = Kind::kTcp;
  std::string host;  // kTcp: the literal; kUnix: the path
  uint16_t port = 0;
  int fd = -1;

  bool operator==(const Address&) const = default;
  std::string Text() const;
  bool IsLoopback() const;  // 127/8, ::1 and Unix sockets
  static absl::StatusOr<Address> Parse(std::string_view text);
};

}  // namespace hearth::net
