#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controller/process/spawn.h"

namespace hearth::controller {

// What an ordinary user needs other programs for, where root asks the kernel directly: a writable
// layer over an image, a way to the network, a bound on processes. Probes tell what works here.
class UserSandbox {
 public:
  // `bwrap` is the path of bubblewrap, `folder` an empty one to try things in.
  static UserSandbox Probe(const std::string& bwrap, const std::string& folder,
                           std::vector<std::string>* notices);
  UserSandbox() = default;

  bool has_overlay() const { return overlay_; }
  bool has_egress() const { return !slirp_.empty(); }

  // Pure: `argv` run with an overlay of `lower` at folder/root, in a mount namespace of its own.
  static std::vector<std::string> WithOverlay(const std::vector<std::string>& argv,
                                              const std::string& lower, const std::string& folder,
                                              uint64_t bytes);
  // Connects the network of a sandbox whose first process waits; returns once it is up. The helper
  // lives until it is killed.
  absl::StatusOr<SpawnedProcess> StartEgress(pid_t sandboxed) const;

 private:
  bool overlay_ = false;
  std::string slirp_;
};

// The name server that slirp4netns offers inside.
inline constexpr const char* kSlirpResolvConf = "nameserver 10.0.2.3\n";

// Bounds the processes of one replica's user namespace, from outside, before it starts any.
absl::Status LimitProcesses(pid_t pid, uint32_t max_processes);

}  // namespace hearth::controller
