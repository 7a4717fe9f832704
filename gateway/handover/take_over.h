#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "gateway/handover/wire.h"

namespace hearth::handover {

// The successor's side: asks the gateway that listens at a path for its listening sockets, and
// tells it to go once this one serves. It exists so that a machine changes its gateway without a
// moment in which nobody listens. Blocks, with deadlines; main's thread, before clients are served.
class TakeOver {
 public:
  // Null where nobody listens at the path: there is nothing to take over.
  static absl::StatusOr<std::unique_ptr<TakeOver>> Begin(const std::string& path);

  // The sockets of this role and configured address; empty where the predecessor has none. Those
  // that nobody takes are closed with this object.
  std::vector<UniqueFd> Take(const std::string& role, const std::string& address);
  bool predecessor_has_routes() const { return has_routes_; }
  // From its return on the predecessor accepts nothing. An error: it has died, and all is ours.
  absl::Status Go();

 private:
  explicit TakeOver(UniqueFd connection) : connection_(std::move(connection)) {}
  absl::Status Receive();

  UniqueFd connection_;
  bool has_routes_ = false;
  std::vector<PassedSocket> sockets_;
};

// Opens the socket at which successors ask: for this user alone. A stale file is replaced.
absl::StatusOr<UniqueFd> OpenHandoverSocket(const std::string& path);

}  // namespace hearth::handover
