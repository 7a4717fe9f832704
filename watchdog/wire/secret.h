#pragma once

#include <string_view>

namespace hearth::watchdog {

// Whether two secrets are the same, in a time that does not tell where they differ.
inline bool SameSecret(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace hearth::watchdog
