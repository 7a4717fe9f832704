#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

// From the kernel (getrandom): fit for tokens and passwords. Thread-safe.
void FillRandom(std::span<char> out);
std::string RandomHex(size_t bytes);      // 2 digits a byte
std::string RandomBase36(size_t digits);  // "k3x9q0"
std::string NewUuid();                    // version 4

// Version 4 UUIDs at a rate of one a request: draws the kernel's randomness in batches. One thread.
class UuidSource {
 public:
  static constexpr size_t kSize = 36;
  void Write(char* out);  // kSize characters, no NUL
  std::string Next();

 private:
  static constexpr size_t kBatch = 64 * 16;
  char pool_[kBatch];
  size_t used_ = kBatch;
};

}  // namespace hearth
