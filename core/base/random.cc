#include "core/base/random.h"

#include <errno.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace hearth {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// "000102…ff".
constexpr std::array<char, 512> kHexPairs = [] {
  std::array<char, 512> pairs{};
  for (size_t i = 0; i < 256; ++i) {
    pairs[i * 2] = kHex[i >> 4];
    pairs[i * 2 + 1] = kHex[i & 15];
  }
  return pairs;
}();

void WriteUuid(unsigned char* bytes, char* out) {
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  // Where the digits of each byte stand among the dashes: one a request is made.
  static constexpr unsigned char kAt[16] = {0,  2,  4,  6,  9,  11, 14, 16,
                                            19, 21, 24, 26, 28, 30, 32, 34};
  for (size_t i = 0; i < 16; ++i) std::memcpy(out + kAt[i], &kHexPairs[bytes[i] * 2u], 2);
  out[8] = out[13] = out[18] = out[23] = '-';
}

}  // namespace

void FillRandom(std::span<char> out) {
  while (!out.empty()) {
    const ssize_t n = getrandom(out.data(), out.size(), 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      std::abort();  // a kernel without getrandom: no secret can be made, going on would be unsafe
    }
    out = out.subspan(static_cast<size_t>(n));
  }
}

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  FillRandom(raw);
  std::string out;
  out.reserve(bytes * 2);
  for (const char c : raw) {
    out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

std::string RandomBase36(size_t digits) {
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string out;
  while (out.size() < digits) {
    char raw[64];
    FillRandom(raw);
    for (const char c : raw) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 252 && out.size() < digits) out.push_back(kDigits[byte % 36]);  // 252 = 7 · 36
    }
  }
  return out;
}

std::string NewUuid() {
  unsigned char bytes[16];
  FillRandom({reinterpret_cast<char*>(bytes), sizeof bytes});
  std::string out(UuidSource::kSize, '\0');
  WriteUuid(bytes, out.data());
  return out;
}

void UuidSource::Write(char* out) {
  if (used_ == kBatch) {
    FillRandom(pool_);
    used_ = 0;
  }
  unsigned char bytes[16];
  std::memcpy(bytes, pool_ + used_, sizeof bytes);
  used_ += sizeof bytes;
  WriteUuid(bytes, out);
}

std::string UuidSource::Next() {
  std::string out(kSize, '\0');
  Write(out.data());
  return out;
}

}  // namespace hearth
