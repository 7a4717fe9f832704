#pragma once

#include <absl/status/statusor.h>

#include <string_view>
#include <vector>

#include "core/net/address.h"

namespace hearth::net {

// Looks a host name up, blocking; a literal address is answered without asking anybody. Its own
// file because the static watchdog must not link a resolver.
absl::StatusOr<std::vector<Address>> Resolve(std::string_view host, uint16_t port);

}  // namespace hearth::net
