#include "gateway/proxy/spread.h"

#include <algorithm>

namespace hearth::proxy {

size_t ChooseLoop(std::span<const uint64_t> loads, size_t own) {
  const auto least = std::min_element(loads.begin(), loads.end());
  const uint64_t slack = std::max<uint64_t>(1, *least / 8);
  if (loads[own] <= *least + slack) return own;
  return static_cast<size_t>(least - loads.begin());
}

}  // namespace hearth::proxy
