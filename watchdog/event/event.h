#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace hearth::watchdog {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What of an HTTP request goes into an event. Views: valid for the call.
struct EventRequest {
  std::string_view method;
  std::string_view path;  // as sent
  std::string_view query;
  std::string_view protocol;  // "HTTP/1.1"
  std::string_view host;
  std::string_view source_ip;
  std::string_view request_id;
  std::string_view function;
  WallTime now{};
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;
};

// The function-URL payload, version 2.0, as JSON. Pure.
std::string ToEvent(const EventRequest& request);

// An HTTP answer made from what a function returned.
struct EventAnswer {
  int status = 200;
  Fields headers;  // without Content-Length; Set-Cookie for each cookie
  std::string body;
};

// A whole result: an object with "statusCode" is an HTTP answer; anything else is the body of a
// 200, JSON as it is and a string as its text. Bytes that are not JSON go out as they are, with
// `content_type` (of the runtime's response) where it says something else than JSON. Pure. An error
// names the field that is wrong.
absl::StatusOr<EventAnswer> FromResult(std::string_view result, std::string_view content_type);

// The head of a streamed HTTP answer: the JSON before the 8 NUL bytes. Pure.
absl::StatusOr<EventAnswer> FromPrelude(std::string_view json);

// Finds the prelude at the start of a stream that comes in pieces. Pure.
class PreludeScanner {
 public:
  static constexpr size_t kMax = 1 << 20;
  enum class State { kNeedMore, kDone, kTooLong };
  State Feed(std::string_view piece);
  std::string_view json() const { return std::string_view(buffer_).substr(0, end_); }
  // What of the payload came along; once kDone.
  std::string_view rest() const { return std::string_view(buffer_).substr(end_ + 8); }

 private:
  std::string buffer_;
  size_t scanned_ = 0;
  size_t end_ = 0;
};

// The body that the platform answers with in the place of a function that could not.
std::string ErrorJson(std::string_view type, std::string_view message);

}  // namespace hearth::watchdog
