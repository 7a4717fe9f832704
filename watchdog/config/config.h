#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/net/address.h"

namespace hearth::watchdog {

using Environment = std::map<std::string, std::string, std::less<>>;

enum class ModeKind : uint8_t { kNative, kHttp, kStreaming, kSerializing, kStatic };
enum class EventKind : uint8_t { kHttp, kRaw };

// The function's side of http mode: where its own server listens.
struct Upstream {
  net::Address address;
  std::string host;  // for the Host field: "127.0.0.1:8080", or "localhost" for a Unix socket
  bool h2c = false;  // it speaks HTTP/2, without TLS
};

struct RunAs {
  uint32_t uid = 0;
  uint32_t gid = 0;
  bool operator==(const RunAs&) const = default;
};

// Everything the watchdog was told, checked once at start. Durations of zero mean "none". A value:
// made by ParseConfig, then read-only.
struct Config {
  ModeKind mode = ModeKind::kNative;
  std::vector<std::string> command;  // empty: static mode, or http mode with an upstream only

  net::Address listen;
  std::optional<net::Address> control;
  int log_fds[2] = {-1, -1};  // -1: text on standard output
  uint64_t log_max = 0;

  std::string function;
  std::string ns;
  std::string revision;
  std::string replica;

  uint32_t concurrency = 0;  // 0: no limit
  Duration timeout{};
  Duration stream_idle_timeout{};
  Duration max_duration{};
  Duration init_timeout{};
  Duration read_timeout{};  // whole request head and silence inside its body
  uint64_t max_body = 0;    // 0: no limit
  Duration drain_quiet{};

  EventKind event = EventKind::kHttp;
  std::string handler;
  uint32_t memory_mb = 0;
  net::Address runtime_api;

  Upstream upstream;
  std::string ready_path;
  bool buffer_request_body = false;
  std::string content_type;  // of the process modes' answers
  std::string static_path;

  std::optional<RunAs> run_as;
  std::string gateway_socket;
  std::string gateway_url;
  std::string announce;  // "http://ip:port/path"
  std::string token;

  bool suppress_lock = true;
  bool prefix_logs = true;
  bool log_call_id = false;
  uint32_t log_line_max = 64 * 1024;

  // Nothing supervises this replica through the control socket: it ends with its function.
  bool standalone = false;
};

// Pure: `argv` is the command after the program's own flags. An error names the variable, the value
// and the remedy.
absl::StatusOr<Config> ParseConfig(const Environment& env, const std::vector<std::string>& argv);

std::string_view ToString(ModeKind mode);

}  // namespace hearth::watchdog
