#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/backend/backend.h"
#include "controller/backend/local/limits.h"
#include "controller/images/image_store.h"
#include "controller/runtimes/runtime_catalog.h"

namespace hearth::controller {

// Facts about one launch that are not in the spec.
struct LaunchFacts {
  const Runtime* runtime = nullptr;      // of a runtime function
  const UnpackedImage* image = nullptr;  // of an image function
  ReplicaLimits limits;
  std::optional<uint32_t> run_as_uid;  // unset: the function runs as we do
  uint32_t run_as_gid = 0;
  std::string gateway_socket_inside;  // empty: none
  uint64_t log_bytes = 0;
  bool sandboxed = true;
  std::string code_folder;  // of the host: where code is without a sandbox
  std::string shim_folder;
  uint16_t runtime_api_port = 9001;
};

// What a watchdog is started with (docs/reference/replica.md).
struct WatchdogStart {
  std::map<std::string, std::string> env;
  std::vector<std::string> command;
  std::string working_dir;
};

// Pure: the function's command and the watchdog's environment. InvalidArgument where the spec
// leaves nothing to run.
absl::StatusOr<WatchdogStart> PlanWatchdog(const ReplicaRequest& request, const LaunchFacts& facts);

// Pure: whether an image's command is a watchdog that ours replaces ("fwatchdog",
// "hearth-watchdog").
bool IsWatchdogCommand(const std::vector<std::string>& command);

}  // namespace hearth::controller
