#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

// What `hearth serve` tells itself when it replaces its own program: a variable in the environment,
// because the process stays, and with it its children and open descriptors.
struct Continuation {
  // Name of the variable. The value "check" asks a program whether it could go on with the same
  // arguments: it reads them and ends.
  static constexpr const char* kVariable = "HEARTH_SERVE_CONTINUE";
  static constexpr std::string_view kCheck = "check";

  int lock = -1;  // descriptor
  pid_t gateway = -1;
  pid_t controller = -1;
  std::vector<pid_t> leaving;  // gateways that finish what they have

  bool operator==(const Continuation&) const = default;
  std::string Format() const;  // pure
  static absl::StatusOr<Continuation> Parse(std::string_view text);
};

}  // namespace hearth::cli
