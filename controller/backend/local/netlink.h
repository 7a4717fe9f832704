#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "core/base/unique_fd.h"

namespace hearth::controller {

// The few changes to the network that a replica needs, asked of the kernel directly: starting `ip`
// for each would cost more than the sandbox. Every call works in the calling thread's network
// namespace; addresses are in host byte order.
class Netlink {
 public:
  static absl::StatusOr<Netlink> Open();

  // A pair of connected interfaces: `here` stays, `there` appears in the namespace of `peer_netns`.
  absl::Status AddVethPair(const std::string& here, const std::string& there, int peer_netns);
  absl::Status SetUp(const std::string& name);
  absl::Status AddAddress(const std::string& name, uint32_t ip, unsigned prefix);
  absl::Status AddDefaultRoute(uint32_t gateway);
  absl::Status RemoveInterface(const std::string& name);

 private:
  explicit Netlink(UniqueFd fd) : fd_(std::move(fd)) {}
  absl::Status Exchange(void* request, const char* what);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace hearth::controller
