#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace hearth::controller {

// The parts of an image's configuration that decide how it runs.
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::string working_dir;  // "/" where the image has none
  std::string user;         // as written: "", "1000", "app:app"
  std::vector<uint16_t> ports;
};

struct UnpackedImage {
  std::string digest;  // of the manifest
  std::string rootfs;  // read-only by contract: shared by every replica
  ImageConfig config;
  uint32_t uid = 0;  // of config.user, looked up in the image's own passwd
  uint32_t gid = 0;
};

// Images as root file systems on disk: images/<digest>/, fetched by skopeo and unpacked by umoci
// once per digest. References: "oci:/path[:tag]", "docker-archive:/path.tar",
// "docker://registry/name:tag", or a plain "registry/name:tag". Thread-safe: one unpacking per
// reference at a time, the others wait.
class ImageStore {
 public:
  struct Options {
    std::string folder;
    bool rootless = false;
    Duration pull_timeout = std::chrono::minutes(10);
  };
  explicit ImageStore(Options options);

  // Quick: the reference can be read and names an image of this machine's architecture.
  absl::Status Check(const std::string& reference) const;
  // Slow where it is not there yet.
  absl::StatusOr<UnpackedImage> Unpack(const std::string& reference);
  // What is unpacked already, without looking at the source again.
  absl::StatusOr<UnpackedImage> Known(const std::string& reference) const;
  // Removes unpacked images that no reference in `live` names.
  absl::Status Collect(const std::set<std::string>& live_references);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// Pure: "name:tag" → "docker://name:tag"; errors name what is accepted.
absl::StatusOr<std::string> NormalizeImageReference(std::string_view reference);
absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view json);

}  // namespace hearth::controller
