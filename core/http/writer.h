#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/message.h"

namespace hearth::http {

// Appends HTTP/1.1 wire text to a buffer the caller owns (any type with append(const char*, n),
// such as std::string or net::Buffer). Names and values are the caller's to have checked: use
// IsToken/IsFieldValue on anything that did not come out of HeadParser.
template <typename Out>
class HeadWriter {
 public:
  explicit HeadWriter(Out* out) : out_(out) {}
  HeadWriter& RequestLine(std::string_view method, std::string_view target) {
    return Put(method).Put(" ").Put(target).Put(" HTTP/1.1\r\n");
  }
  HeadWriter& StatusLine(int status, std::string_view reason = {});
  HeadWriter& Field(std::string_view name, std::string_view value) {
    return Put(name).Put(": ").Put(value).Put("\r\n");
  }
  HeadWriter& Field(std::string_view name, uint64_t value);
  void End() { Put("\r\n"); }

 private:
  HeadWriter& Put(std::string_view s) {
    out_->append(s.data(), s.size());
    return *this;
  }
  Out* out_;
};

// "1a2f\r\n": before a chunk's payload, which "\r\n" follows. The end of a body is "0\r\n\r\n".
// Returns the number of characters written to `out`, which holds at least 18.
size_t WriteChunkSize(uint64_t size, char* out);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

bool IsToken(std::string_view s);  // RFC 9110 §5.6.2, not empty
bool IsFieldValue(
    std::string_view s);  // visible characters, spaces, tabs, obs-text; no CR, LF, NUL

size_t FormatDecimal(uint64_t value, char* out);  // `out` holds at least 20

template <typename Out>
HeadWriter<Out>& HeadWriter<Out>::StatusLine(int status, std::string_view reason) {
  char digits[20];
  const size_t n = FormatDecimal(static_cast<uint64_t>(status), digits);
  Put("HTTP/1.1 ").Put({digits, n}).Put(" ");
  return Put(reason.empty() ? ReasonPhrase(status) : reason).Put("\r\n");
}

template <typename Out>
HeadWriter<Out>& HeadWriter<Out>::Field(std::string_view name, uint64_t value) {
  char digits[20];
  return Field(name, std::string_view(digits, FormatDecimal(value, digits)));
}

}  // namespace hearth::http
