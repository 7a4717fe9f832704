#pragma once

#include <absl/status/statusor.h>
#include <sys/socket.h>

#include <string>

#include "core/base/unique_fd.h"
#include "core/net/address.h"
#include "core/net/loop.h"

namespace hearth::net {

// Thin, blocking-free wrappers of socket system calls; errors name the address and the remedy.

// A bound, listening, non-blocking socket; for "fd:N" the inherited one. A Unix socket's stale file
// is removed only where nobody answers on it.
absl::StatusOr<UniqueFd> OpenListener(const Address& address, const ListenOptions& options);

// The socket's own address: the port the kernel chose, the path of an inherited Unix socket.
absl::StatusOr<Address> LocalAddress(int fd);

// A new non-blocking socket on which connect was called. `*finished`: the connection stands
// already; otherwise it is under way. kUnavailable with the reason where it is refused at once;
// kResourceExhausted where a Unix socket's backlog is full for the moment.
absl::StatusOr<UniqueFd> StartConnect(const Address& address, bool* finished);

std::string PeerIpText(const sockaddr_storage& peer);
std::string ErrnoText(int error);  // "Connection refused"
absl::Status SetNonBlocking(int fd);

}  // namespace hearth::net
