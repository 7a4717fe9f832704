#include <absl/status/statusor.h>

#include <cstdio>

#include "core/base/real_clock.h"

int main(int argc, char**) {
  absl::StatusOr<int> v = argc > 1 ? absl::StatusOr<int>(absl::InvalidArgumentError("x")) : 3;
  std::puts(v.status().ToString().c_str());
  return hearth::RealClock().Now().time_since_epoch().count() == 0;
}
