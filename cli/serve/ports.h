#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

namespace hearth::cli {

// Whether `address` can be listened on. The error names the address, who holds it where that can be
// seen, and the flag to change.
absl::Status CheckPort(const std::string& address, std::string_view flag);

// The URL under which this machine reaches a gateway that listens there.
std::string LocalUrl(const std::string& listen);

// Whether others can reach it: not a loopback address.
bool IsExposed(const std::string& listen);

}  // namespace hearth::cli
