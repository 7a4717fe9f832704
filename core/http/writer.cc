#include "core/http/writer.h"

#include <charconv>
#include <cstring>

#include "core/http/tables.h"

namespace hearth::http {

size_t WriteChunkSize(uint64_t size, char* out) {
  char* end = std::to_chars(out, out + 16, size, 16).ptr;
  std::memcpy(end, "\r\n", 2);
  return static_cast<size_t>(end - out) + 2;
}

bool IsToken(std::string_view s) { return !s.empty() && AllAre(kTokenChar, s); }
bool IsFieldValue(std::string_view s) { return AllAre(kValueChar, s); }

size_t FormatDecimal(uint64_t value, char* out) {
  return static_cast<size_t>(std::to_chars(out, out + 20, value).ptr - out);
}

}  // namespace hearth::http
