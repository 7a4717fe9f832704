#include "core/http/writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/http/tables.h"

namespace hearth::http {
namespace {

// "000102…99": two digits at a time.
constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[i * 2] = static_cast<char>('0' + i / 10);
    pairs[i * 2 + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

}  // namespace

size_t WriteChunkSize(uint64_t size, char* out) {
  char* end = std::to_chars(out, out + 16, size, 16).ptr;
  std::memcpy(end, "\r\n", 2);
  return static_cast<size_t>(end - out) + 2;
}

bool IsToken(std::string_view s) { return !s.empty() && AllAre(kTokenChar, s); }
bool IsFieldValue(std::string_view s) { return AllAre(kValueChar, s); }

size_t FormatDecimal(uint64_t value, char* out) {
  char digits[20];
  char* p = digits + sizeof digits;
  while (value >= 100) {
    p -= 2;
    std::memcpy(p, &kDigitPairs[value % 100 * 2], 2);
    value /= 100;
  }
  if (value >= 10) {
    p -= 2;
    std::memcpy(p, &kDigitPairs[value * 2], 2);
  } else {
    *--p = static_cast<char>('0' + value);
  }
  const auto size = static_cast<size_t>(digits + sizeof digits - p);
  std::memcpy(out, p, size);
  return size;
}

void HeadBuffer::Grow(size_t n) {
  constexpr size_t kFirst = 1024;
  const size_t capacity = std::max({kFirst, capacity_ * 2, size_ + n});
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ != 0) std::memcpy(larger.get(), data_.get(), size_);
  data_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace hearth::http
