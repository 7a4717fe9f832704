#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace hearth::v1 {
class RouteSnapshot;
}

namespace hearth::fleet {

// The last routes on disk, from which a gateway starts when no controller is there. A file holds
// one snapshot behind a magic number and a checksum; it is replaced as a whole, and only its owner
// may read it, because it holds the replicas' tokens. Blocking: never on a loop's thread.
// `snapshot` is a serialized RouteSnapshot.
absl::Status SaveRoutes(const std::string& path, std::string_view snapshot);

// NotFound: there is none. DataLoss: it is cut off or damaged; the message says so.
absl::StatusOr<v1::RouteSnapshot> LoadRoutes(const std::string& path);

}  // namespace hearth::fleet
