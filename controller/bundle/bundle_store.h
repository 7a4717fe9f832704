#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/model/function.h"

namespace hearth::controller {

class RuntimeCatalog;
struct Runtime;

struct BundleLimits {
  uint64_t max_upload_bytes = 512ull << 20;
  uint64_t max_unpacked_bytes = 2048ull << 20;
  uint64_t max_entries = 200'000;
};

// An upload under way: feed it the body, then commit. Destroyed without a commit it leaves nothing.
// Belongs to one thread.
class BundleUpload {
 public:
  virtual ~BundleUpload() = default;
  virtual absl::Status Write(std::string_view bytes) = 0;
  // Checks digest and target, unpacks, and makes the bundle visible at once and whole. Takes time.
  virtual absl::Status Commit() = 0;
};

// The code of functions by the digest of what was uploaded: bundles/sha256-HEX/ on disk, read-only
// once it is there. Thread-safe; several uploads of one digest may run at once.
class BundleStore {
 public:
  // `folder` is created; what an interrupted upload left there is removed.
  static absl::StatusOr<std::unique_ptr<BundleStore>> Open(std::string folder,
                                                           RuntimeCatalog* runtimes,
                                                           BundleLimits limits = {});
  virtual ~BundleStore() = default;

  virtual bool Has(std::string_view digest) const = 0;  // "sha256:HEX"
  // The folder to mount at /var/task; NotFound says how to upload it.
  virtual absl::StatusOr<std::string> Folder(std::string_view digest) const = 0;
  virtual absl::StatusOr<std::unique_ptr<BundleUpload>> BeginUpload(std::string_view digest) = 0;

  // The runtime that a stored bundle was built for, from its hearth-bundle.json; empty: none.
  virtual absl::StatusOr<std::string> RuntimeOf(std::string_view digest) const = 0;

  // Puts inline source into a folder named by its content and returns the folder. `runtime` names
  // the file of inline code; none is needed for `files`.
  virtual absl::StatusOr<std::string> Materialize(const model::Source& source,
                                                  const Runtime* runtime) = 0;

  // Removes what none of `live` (specs of the revisions that may still start a replica) refers to
  // and nobody has used for `min_age`: a bundle is uploaded before the function that names it.
  virtual absl::Status Collect(const std::vector<model::FunctionSpec>& live, Duration min_age,
                               WallTime now) = 0;
};

// Pure parts.
bool IsDigest(std::string_view text);  // "sha256:" and 64 lower-case hex digits
// The folder name of inline source: "inline-" and 64 hex digits.
std::string InlineFolderName(const model::Source& source, const Runtime* runtime);
struct StoredBundle {
  std::string name;  // of its folder
  WallTime last_used{};
};
std::vector<std::string> Unreferenced(const std::vector<StoredBundle>& stored,
                                      const std::set<std::string>& live, Duration min_age,
                                      WallTime now);

}  // namespace hearth::controller
