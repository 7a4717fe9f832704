#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

// Kubernetes quantities: "128Mi", "1.5Gi", "500M", "1e3", "1024"; a trailing "B" is let pass
// ("1MiB"). Rounded up to whole bytes.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);
// CPU in thousandths: "500m" is 500, "2" is 2000, "0.25" is 250.
absl::StatusOr<uint64_t> ParseMilliCpu(std::string_view text);
// The largest binary unit that divides the value: "6Mi", "1000".
std::string FormatBytes(uint64_t bytes);

}  // namespace hearth
