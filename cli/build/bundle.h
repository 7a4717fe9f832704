#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

namespace hearth::cli {

// What a bundle was built for: its first entry, hearth-bundle.json (docs/reference/api.md).
struct BundleTarget {
  std::string runtime;
  std::string runtime_version;
  std::string arch;
  std::string libc;
  std::string handler;
};
std::string TargetJson(const BundleTarget& target);

struct Bundle {
  std::string file;
  std::string digest;  // "sha256:HEX" of the file
  uint64_t size = 0;
  uint64_t entries = 0;
};

// Packs what is in `folder` into `file`: sorted, without times and owners, so that the same content
// gives the same digest on every machine. Refuses what a bundle may not hold (devices, sockets,
// links that leave the tree), naming it.
absl::StatusOr<Bundle> WriteBundle(const std::string& folder, const BundleTarget& target,
                                   const std::string& file);

// Whether a link at `path` (relative to the tree) to `target` stays inside. Pure.
bool LinkStaysInside(const std::string& path, const std::string& target);

}  // namespace hearth::cli
