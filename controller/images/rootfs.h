#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::controller {

// An image's root file system on the host. Its content is a stranger's: no path in it is followed
// through a link that could lead out.

// Makes what sandboxes mount on: folders, and files for the watchdog and the resolver.
absl::Status PrepareMountPoints(const std::string& rootfs);

// "", "1000", "1000:1000", "app", "app:app" by the image's own passwd and group.
absl::Status LookUpUser(const std::string& rootfs, std::string_view user, uint32_t* uid,
                        uint32_t* gid);

}  // namespace hearth::controller
