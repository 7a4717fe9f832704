#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/settings.h"

namespace hearth::controller {

// The configuration of hearth-controller, as flags, environment and file give it.
struct HostOptions {
  std::string data;                       // empty: ~/.local/share/hearth
  std::string run;                        // the real path of DATA/run; set by Resolve
  std::vector<std::string> fleet_listen;  // empty: unix:DATA/run/fleet.sock
  std::string stream_listen;              // empty: unix:DATA/run/stream.sock
  std::string api_listen = "127.0.0.1:0";
  std::string admin_listen;    // empty: none
  std::string runtimes;        // empty: found beside the program
  std::string watchdog;        // likewise
  std::string gateway_socket;  // empty: DATA/run/gateway/functions.sock
  std::string default_namespace = "default";
  bool insecure_no_sandbox = false;
  uint32_t start_parallelism = 0;  // 0: from the machine's CPUs
  uint32_t max_gateways = 64;
  uint64_t log_bytes = 10ull << 20;  // kept for one function
  Duration stop_grace = std::chrono::seconds(10);
  bool keep_replicas = false;  // on SIGTERM
  int64_t ready_fd = -1;
  std::string log_level = "info";
  std::string log_format = "text";
};

void Declare(HostOptions* options, Settings* settings);

// Fills in what depends on the data folder and the installation; makes the folders (0700). Errors
// name the setting and what to do.
absl::Status Resolve(HostOptions* options);

}  // namespace hearth::controller
