#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace hearth::fuzz {

// Fails in a way that libFuzzer reports.
inline void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// Cut sizes taken from the input itself, so that the fuzzer chooses them.
class Cuts {
 public:
  explicit Cuts(uint8_t seed) : state_(seed) {}
  size_t Next() {
    state_ = state_ * 1103515245u + 12345u;
    return 1 + (state_ >> 16) % 13;
  }

 private:
  uint32_t state_;
};

}  // namespace hearth::fuzz
