#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth::http {

// Where a request stands in a trace that spans several programs (W3C Trace Context): the trace, the
// span that sent it, and whether spans are kept. Hexadecimal as on the wire, because that is how it
// comes and goes.
struct TraceContext {
  static constexpr size_t kTextSize = 55;
  static constexpr uint8_t kSampled = 1;

  std::array<char, 32> trace_id;
  std::array<char, 16> span_id;
  uint8_t flags = 0;

  bool sampled() const { return (flags & kSampled) != 0; }
  std::string_view trace() const { return {trace_id.data(), trace_id.size()}; }
  std::string_view span() const { return {span_id.data(), span_id.size()}; }
  // "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".
  std::array<char, kTextSize> Text() const;
};

// The value of a traceparent field. Versions to come are read as far as this one goes, as the
// recommendation demands; nullopt for what is malformed, of version ff, or all zeros.
std::optional<TraceContext> ParseTraceparent(std::string_view value);

// Whether `value` is a list of at most 32 vendors' entries, "key=value" separated by commas, each
// key once.
bool IsTracestate(std::string_view value);

// 16 lower-case digits.
void WriteHex64(uint64_t value, char* out);

}  // namespace hearth::http
