#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "controller/runtimes/runtime_catalog.h"

namespace hearth::controller {

// hearth-bundle.json: what a bundle was built for (docs/reference/api.md, "Bundles").
struct BundleTarget {
  std::string runtime;  // empty: no runtime's, plain files
  std::string runtime_version;
  std::string arch;  // empty: any
  std::string libc;  // empty: any
  std::string handler;
};

absl::StatusOr<BundleTarget> ParseBundleTarget(std::string_view json);

// Pure: whether it runs on `machine`, where the runtime has `version`. The error names both sides.
// A libc of the same family that is not newer than the machine's fits.
absl::Status FitsMachine(const BundleTarget& target, const MachineTarget& machine,
                         const Runtime* runtime, std::string_view version);

}  // namespace hearth::controller
