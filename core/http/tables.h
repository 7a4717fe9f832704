#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hearth::http {

// Character classes of RFC 9110 and 9112, one table look-up a byte.

enum CharClass : uint8_t {
  kTokenChar = 1,   // method, field name
  kTargetChar = 2,  // request target: visible, no "#"; bytes past ASCII as browsers and curl send
  kValueChar = 4,   // field value: visible, space, tab, obs-text
  kHostChar = 8,    // Host: name, literal, port
  kPlainHostChar = 16,  // of these, what has no meaning besides itself: a name's
};

inline constexpr std::array<uint8_t, 256> kCharClasses = [] {
  std::array<uint8_t, 256> table{};
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHostMarks = "-._~!$&'()*+,;=%:[]";
  for (size_t c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const char as_char = static_cast<char>(c);
    uint8_t classes = 0;
    if (alnum || kTokenMarks.find(as_char) != std::string_view::npos) classes |= kTokenChar;
    if (c > ' ' && c != 0x7f && c != '#') classes |= kTargetChar;
    if ((c >= ' ' && c != 0x7f) || c == '\t') classes |= kValueChar;
    if (alnum || kHostMarks.find(as_char) != std::string_view::npos) classes |= kHostChar;
    if (alnum || c == '-' || c == '.' || c == '_') classes |= kPlainHostChar;
    table[c] = classes;
  }
  return table;
}();

inline bool Is(CharClass wanted, char c) {
  return (kCharClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

inline bool AllAre(CharClass wanted, std::string_view s) {
  for (const char c : s) {
    if (!Is(wanted, c)) return false;
  }
  return true;
}

// The first byte in [p, end) that cannot stand in a field value, or `end`.
inline const char* FindValueEnd(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                     _mm_cmpeq_epi8(bytes, del));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(bad));
    if (mask != 0) return p + __builtin_ctz(mask);
  }
#endif
  while (p != end && Is(kValueChar, *p)) ++p;
  return p;
}

// The first line feed in [p, end), or `end`. Lines of a head are short: a call of memchr for each
// costs more than the search.
inline const char* FindLineFeed(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i line_feed = _mm_set1_epi8('\n');
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, line_feed)));
    if (mask != 0) return p + __builtin_ctz(mask);
  }
#endif
  while (p != end && *p != '\n') ++p;
  return p;
}

}  // namespace hearth::http
