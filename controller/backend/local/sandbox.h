#pragma once

#include <absl/status/status.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hearth::controller {

// What one replica sees of the world. Paths on the left are the host's.
struct SandboxPlan {
  std::string root;            // prepared root file system, or an image's
  bool root_is_image = false;  // then nothing of the host is mounted but what is named here
  bool read_only_root = true;
  bool share_network = false;   // it starts inside a network namespace made before
  bool user_namespace = false;  // we are not root
  uint32_t uid = 0, gid = 0;    // in the user namespace
  std::string hostname;
  std::string watchdog;
  std::string code;               // → /var/task; may be empty
  std::string shim;               // → /var/runtime; may be empty
  std::string secrets;            // folder → /var/openfaas/secrets and /run/secrets; may be empty
  std::string gateway_dir;        // folder → /.hearth/gateway; may be empty
  std::string memory_accounting;  // folder → memory_accounting_inside; may be empty
  std::string memory_accounting_inside;
  std::string resolv_conf;  // file, for an image
  std::string hosts;        // file, for an image
  std::string working_dir = "/var/task";
  uint64_t tmp_bytes = 0;
  std::vector<std::string> writable;       // further paths as small tmpfs, for a read-only image
  std::map<std::string, std::string> env;  // of the watchdog
  std::vector<std::string> command;        // of the function
};

// Where things are inside every sandbox.
inline constexpr const char* kWatchdogInside = "/.hearth/watchdog";
inline constexpr const char* kGatewayDirInside = "/.hearth/gateway";

// Pure: the options of bubblewrap, and what follows them (from "--" on).
std::vector<std::string> BwrapArguments(const SandboxPlan& plan);
std::vector<std::string> SandboxedCommand(const SandboxPlan& plan);

// Pure: the options for --args (each ends with a NUL), so that neither environment nor code paths
// show in the list of processes, and nothing of a user's environment reaches bubblewrap itself.
std::string NulSeparated(const std::vector<std::string>& arguments);

// Settings of the root file system that all runtime functions share.
struct BaseRootOptions {
  std::string folder;
  uint32_t first_uid = 0, uid_count = 0;  // users that get a name
};

// Makes or refreshes that file system: empty folders to mount on, links into /usr, and the few
// files of /etc that programs look for. Existing files are replaced one by one, never removed:
// replicas may be using them.
absl::Status BuildBaseRoot(const BaseRootOptions& options);

absl::Status SetResolvConf(const std::string& root, const std::string& text);

// The process id that bubblewrap writes to --info-fd ({"child-pid": N, …}) before the sandboxed
// process starts; 0: none came.
pid_t ReadChildPid(int fd);

// Pure: /etc/resolv.conf for a sandbox. Servers on the host's loopback are out of reach there, so
// those of `upstream` (systemd-resolved's real ones) stand in.
std::string ResolvConf(const std::string& host, const std::string& upstream);

}  // namespace hearth::controller
