#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/http/message.h"

namespace hearth::http {

// Text that is made anew for each message: it keeps its memory from one to the next and hands out
// room without filling it first, which std::string cannot. Owned by one connection or one loop.
class HeadBuffer {
 public:
  // Room for `n` more bytes, which the caller fills.
  char* Extend(size_t n) {
    if (capacity_ - size_ < n) Grow(n);
    char* const room = data_.get() + size_;
    size_ += n;
    return room;
  }
  void append(std::string_view s) {
    if (!s.empty()) std::memcpy(Extend(s.size()), s.data(), s.size());
  }
  std::string_view view() const { return {data_.get(), size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void Clear() { size_ = 0; }
  void Truncate(size_t size) { size_ = size; }  // not more than there is
  // After a message that was larger than most.
  void ReleaseAbove(size_t capacity) {
    if (capacity_ <= capacity) return;
    data_.reset();
    size_ = capacity_ = 0;
  }

 private:
  void Grow(size_t n);

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Appends HTTP/1.1 wire text to a buffer the caller owns: a HeadBuffer, or any type with
// append(const char*, n), such as std::string or net::Buffer. Names and values are the caller's to
// have checked: use IsToken/IsFieldValue on anything that did not come out of HeadParser.
template <typename Out>
class HeadWriter {
 public:
  explicit HeadWriter(Out* out) : out_(out) {}
  HeadWriter& RequestLine(std::string_view method, std::string_view target) {
    return Put(method).Put(" ").Put(target).Put(" HTTP/1.1\r\n");
  }
  // The target in two parts; no question mark where there is no query.
  HeadWriter& RequestLine(std::string_view method, std::string_view path, std::string_view query) {
    Put(method).Put(" ").Put(path);
    if (!query.empty()) Put("?").Put(query);
    return Put(" HTTP/1.1\r\n");
  }
  HeadWriter& StatusLine(int status, std::string_view reason = {});
  HeadWriter& Field(std::string_view name, std::string_view value);
  HeadWriter& Field(std::string_view name, uint64_t value);
  HeadWriter& Field(std::string_view name, std::initializer_list<std::string_view> parts) {
    Put(name).Put(": ");
    for (const std::string_view part : parts) Put(part);
    return Put("\r\n");
  }
  // Whole lines, as another message had them.
  HeadWriter& Lines(std::string_view lines) { return Put(lines); }
  void End() { Put("\r\n"); }

 private:
  HeadWriter& Put(std::string_view s) {
    if constexpr (std::is_same_v<Out, HeadBuffer>) {
      out_->append(s);
    } else {
      out_->append(s.data(), s.size());
    }
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
HeadWriter<Out>& HeadWriter<Out>::Field(std::string_view name, std::string_view value) {
  if constexpr (std::is_same_v<Out, HeadBuffer>) {
    char* p = out_->Extend(name.size() + value.size() + 4);
    std::memcpy(p, name.data(), name.size());
    p += name.size();
    std::memcpy(p, ": ", 2);
    if (!value.empty()) std::memcpy(p + 2, value.data(), value.size());
    std::memcpy(p + 2 + value.size(), "\r\n", 2);
    return *this;
  } else {
    return Put(name).Put(": ").Put(value).Put("\r\n");
  }
}

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
