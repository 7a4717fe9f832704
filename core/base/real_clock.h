#pragma once

#include "core/base/clock.h"

namespace hearth {

// The machine's clocks. Constructed in a program's main and injected from there.
class RealClock final : public Clock {
 public:
  MonotonicTime Now() const override;
  WallTime WallNow() const override;
};

}  // namespace hearth
