#include "cli/commands/context.h"

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"

namespace hearth::cli {

absl::StatusOr<std::string> ReadAllInput(Context& context) {
  constexpr size_t kMax = 64u << 20;
  std::string all;
  std::string buffer(64u << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t n, context.read_input({buffer.data(), buffer.size()}));
    if (n == 0) return all;
    all.append(buffer, 0, n);
    if (all.size() > kMax) return ResourceExhausted("standard input is larger than 64 MiB");
  }
}

}  // namespace hearth::cli
