#include "gateway/accesslog/entry.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "core/http/writer.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hearth::accesslog {
namespace {

// What a line shows of a text at most. An escaped byte takes three.
constexpr size_t kMaxText = 1024;
constexpr size_t kTexts = 9;
constexpr size_t kNumbersAndNames = 1024;
constexpr size_t kMaxLine = kTexts * (3 * kMaxText + 16) + kNumbersAndNames;

// The functions below write at `p` and return the place behind; kMaxLine has room for all of them.
char* Write(std::string_view text, char* p) {
  std::memcpy(p, text.data(), text.size());
  return p + text.size();
}

bool IsPlain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; }

char* WriteOneEscaped(char c, Format format, char* p) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  if (byte <= 0x20 || byte >= 0x7f || (byte == '"' && format == Format::kText)) {
    *p++ = '%';
    *p++ = kHex[byte >> 4];
    *p++ = kHex[byte & 15];
    return p;
  }
  if (format == Format::kJson) *p++ = '\\';
  *p++ = c;
  return p;
}

char* WriteEscaped(std::string_view text, Format format, char* p) {
  const char* from = text.data();
  const char* const end = from + std::min(text.size(), kMaxText);
  while (from != end) {
#if defined(__SSE2__)
    while (end - from >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      const __m128i special =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                       _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f))));
      // Signed: bytes from 0x80 on are below the space as well.
      const __m128i visible = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(' '));
      if (_mm_movemask_epi8(_mm_andnot_si128(special, visible)) != 0xffff) break;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
      from += 16;
      p += 16;
    }
#endif
    const char* const stop = std::min(end, from + 16);
    for (; from != stop; ++from) {
      if (IsPlain(*from)) {
        *p++ = *from;
      } else {
        p = WriteOneEscaped(*from, format, p);
      }
    }
  }
  return text.size() > kMaxText ? Write("...", p) : p;
}

char* WriteNumber(uint64_t value, char* p) { return p + http::FormatDecimal(value, p); }

// A fraction of a second as six digits.
char* WriteMicros(int64_t micros, char* p) {
  for (int i = 5; i >= 0; --i) {
    p[i] = static_cast<char>('0' + micros % 10);
    micros /= 10;
  }
  return p + 6;
}

char* WriteSeconds(Duration duration, char* p) {
  const int64_t micros =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  p = WriteNumber(static_cast<uint64_t>(micros / 1'000'000), p);
  *p++ = '.';
  return WriteMicros(micros % 1'000'000, p);
}

// A text value or "-", so that columns stay where they are.
char* WriteColumn(std::string_view value, char* p) {
  *p++ = ' ';
  if (!value.empty()) return WriteEscaped(value, Format::kText, p);
  *p++ = '-';
  return p;
}

char* WriteFunction(const Entry& e, char* p) {
  p = WriteColumn(e.function, p);
  if (e.function.empty()) return p;
  *p++ = '.';
  return WriteEscaped(e.ns, Format::kText, p);
}

char* WriteMember(std::string_view name, std::string_view value, char* p) {
  if (value.empty()) return p;
  p = Write(",\"", p);
  p = Write(name, p);
  p = Write("\":\"", p);
  p = WriteEscaped(value, Format::kJson, p);
  *p++ = '"';
  return p;
}

char* WriteMember(std::string_view name, uint64_t value, char* p) {
  p = Write(",\"", p);
  p = Write(name, p);
  p = Write("\":", p);
  return WriteNumber(value, p);
}

}  // namespace

LineFormatter::LineFormatter(Format format)
    : format_(format), line_(std::make_unique_for_overwrite<char[]>(kMaxLine)) {}

char* LineFormatter::WriteTime(WallTime time, char* p) {
  const auto since = time.time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(since);
  if (second != second_) {
    second_ = second;
    const auto seconds = static_cast<time_t>(second.count());
    struct tm parts {};
    gmtime_r(&seconds, &parts);
    char text[64];  // with room for any year
    const size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::memcpy(second_text_.data(), text, std::min(size, second_text_.size()));
    second_text_.back() = '.';
  }
  p = Write({second_text_.data(), second_text_.size()}, p);
  p = WriteMicros(std::chrono::duration_cast<std::chrono::microseconds>(since - second).count(), p);
  *p++ = 'Z';
  return p;
}

char* LineFormatter::WriteText(const Entry& e, char* p) {
  p = WriteTime(e.time, p);
  p = WriteColumn(e.client, p);
  p = WriteColumn(e.method, p);
  p = WriteColumn(e.path, p);
  *p++ = ' ';
  p = WriteNumber(static_cast<uint64_t>(e.status), p);
  p = Write(" in=", p);
  p = WriteNumber(e.bytes_in, p);
  p = Write(" out=", p);
  p = WriteNumber(e.bytes_out, p);
  p = Write(" t=", p);
  p = WriteSeconds(e.duration, p);
  p = Write(" q=", p);
  p = WriteSeconds(e.queued, p);
  p = WriteFunction(e, p);
  p = WriteColumn(e.replica, p);
  p = WriteColumn(e.call_id, p);
  p = WriteColumn(e.error, p);
  return WriteColumn(e.user_agent, p);
}

char* LineFormatter::WriteJson(const Entry& e, char* p) {
  p = Write("{\"time\":\"", p);
  p = WriteTime(e.time, p);
  *p++ = '"';
  p = WriteMember("client", e.client, p);
  p = WriteMember("method", e.method, p);
  p = WriteMember("path", e.path, p);
  p = WriteMember("status", static_cast<uint64_t>(e.status), p);
  p = WriteMember("bytes_in", e.bytes_in, p);
  p = WriteMember("bytes_out", e.bytes_out, p);
  p = Write(",\"duration_seconds\":", p);
  p = WriteSeconds(e.duration, p);
  p = Write(",\"queued_seconds\":", p);
  p = WriteSeconds(e.queued, p);
  p = WriteMember("function", e.function, p);
  p = WriteMember("namespace", e.ns, p);
  p = WriteMember("replica", e.replica, p);
  p = WriteMember("call_id", e.call_id, p);
  p = WriteMember("error", e.error, p);
  p = WriteMember("user_agent", e.user_agent, p);
  if (e.attempts > 1) p = WriteMember("attempts", e.attempts, p);
  *p++ = '}';
  return p;
}

std::string_view LineFormatter::Line(const Entry& entry) {
  char* const begin = line_.get();
  char* end = format_ == Format::kJson ? WriteJson(entry, begin) : WriteText(entry, begin);
  *end++ = '\n';
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace hearth::accesslog
