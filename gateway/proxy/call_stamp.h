#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/random.h"

namespace hearth::proxy {

// What names one request everywhere: its call id and the time it came, as the two header lines that
// go to the replica and back to the client. Written once for each request. Part of its Exchange.
class CallStamp {
 public:
  static constexpr size_t kLongestId = 128;

  // `given` is the caller's own id, used where it is acceptable; else a new one is drawn.
  void Begin(std::string_view given, UuidSource& uuids, WallTime arrival);

  std::string_view call_id() const { return {text_.data() + kIdAt, id_size_}; }
  // "X-Call-Id: …" and "X-Start-Time: …" (decimal nanoseconds since 1970), both with CR LF.
  std::string_view lines() const { return {text_.data(), size_}; }

 private:
  static constexpr std::string_view kIdName = "X-Call-Id: ";
  static constexpr std::string_view kTimeName = "\r\nX-Start-Time: ";
  static constexpr size_t kIdAt = kIdName.size();

  std::array<char, kIdName.size() + kLongestId + kTimeName.size() + 22> text_;
  size_t id_size_ = 0;
  size_t size_ = 0;
};

// True for a call id that may be used as it came: 1 to 128 visible ASCII characters.
bool IsAcceptableCallId(std::string_view id);

}  // namespace hearth::proxy
