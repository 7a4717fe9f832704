#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controller/backend/local/index_pool.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {

// A replica's own network: loopback and one interface that reaches the world by address
// translation, but neither the host's own ports nor another replica. The kernel removes all of it
// when its last process has ended.
struct Netns {
  UniqueFd fd;
  int index = -1;  // of its /30 in the platform's range; -1: loopback only
};

// Addresses: each platform of this machine takes one of 256 parts of 100.64.0.0/10 (shared address
// space, RFC 6598), each replica four addresses of it.
struct Subnet {
  uint32_t base = 0;  // host byte order, a /18
  static constexpr unsigned kPrefix = 18;
  static constexpr int kReplicas = 1 << (32 - kPrefix - 2);
  uint32_t HostAddress(int index) const { return base + static_cast<uint32_t>(index) * 4 + 1; }
  uint32_t ReplicaAddress(int index) const { return HostAddress(index) + 1; }
  std::string Text() const;  // "100.64.0.0/18"
};
// Pure: the part that `instance` takes first, then the next one that overlaps no address in `used`
// ({address, prefix length} of this machine's interfaces).
Subnet ChooseSubnet(const std::string& instance,
                    const std::vector<std::pair<uint32_t, unsigned>>& used);
// Pure: the rules for `nft -f -`: translation for the subnet, no way to the host or its neighbours.
std::string EgressRules(const std::string& table, const Subnet& subnet,
                        const std::string& interface_prefix);

// Makes the networks of replicas on a machine where we are root. Thread-safe.
class HostNetwork {
 public:
  // `instance` is short and unique for a data folder. Takes away what an earlier run left. Where
  // address translation cannot be had, networks have loopback only and `notices` says why.
  static absl::StatusOr<std::unique_ptr<HostNetwork>> SetUp(const std::string& instance,
                                                            std::vector<std::string>* notices);
  // Makes a namespace. The calling thread's own is left as it was.
  absl::StatusOr<Netns> Create();
  // In use by a replica that outlived an earlier controller.
  void Adopt(int index) { indexes_.Adopt(index); }
  void Release(int index) { indexes_.Release(index); }  // its last process has ended
  void TearDown();  // rules and interfaces; replicas must be gone

 private:
  HostNetwork(std::string instance, Subnet subnet, bool egress)
      : instance_(std::move(instance)), subnet_(subnet), egress_(egress) {}
  absl::Status Connect(const Netns& netns);
  std::string InterfaceName(int index) const;

  const std::string instance_;
  const Subnet subnet_;
  const bool egress_;
  IndexPool indexes_{Subnet::kReplicas};
};

}  // namespace hearth::controller
