#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/base/base64.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/http/message.h"
#include "core/http/writer.h"
#include "watchdog/event/event.h"
#include "watchdog/event/utf8.h"

namespace hearth::watchdog {
namespace {

using nlohmann::json;

constexpr std::string_view kDelimiter("\0\0\0\0\0\0\0\0", 8);
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";

json Parse(std::string_view text) { return json::parse(text, nullptr, false); }

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string AsText(const json& value) {
  return value.is_string() ? value.get<std::string>() : Dump(value);
}

bool IsJsonType(std::string_view content_type) {
  return StartsWithIgnoreCase(content_type, kJson) ||
         StartsWithIgnoreCase(content_type, "application/vnd.aws");
}

// Fields that describe the connection or the body's length are ours to write.
bool IsOurs(std::string_view name) {
  return http::IsHopByHop(name) || http::EqualsIgnoreCase(name, "Content-Length");
}

absl::StatusOr<int> StatusOf(const json& value) {
  int64_t status = 0;
  if (value.is_number_integer()) {
    status = value.get<int64_t>();
  } else if (value.is_string()) {
    status = ParseInt(value.get_ref<const std::string&>()).value_or(0);
  }
  if (status < 200 || status > 599) {
    return InvalidArgument("statusCode is " + Dump(value) +
                           ": it must be a number from 200 to 599");
  }
  return static_cast<int>(status);
}

absl::Status AddField(std::string_view name, const json& value, EventAnswer* answer) {
  if (value.is_null() || IsOurs(name)) return absl::OkStatus();
  const std::string text = AsText(value);
  if (!http::IsToken(name) || !http::IsFieldValue(text)) {
    return InvalidArgument("headers: \"" + std::string(name) + "\" is not a valid HTTP header");
  }
  answer->headers.emplace_back(name, text);
  return absl::OkStatus();
}

absl::Status AddFields(const json& fields, std::string_view what, EventAnswer* answer) {
  if (fields.is_null()) return absl::OkStatus();
  if (!fields.is_object()) return InvalidArgument(std::string(what) + " must be an object");
  for (const auto& [name, value] : fields.items()) {
    if (!value.is_array()) {
      RETURN_IF_ERROR(AddField(name, value, answer));
      continue;
    }
    for (const json& one : value) RETURN_IF_ERROR(AddField(name, one, answer));
  }
  return absl::OkStatus();
}

absl::Status AddCookies(const json& cookies, EventAnswer* answer) {
  if (cookies.is_null()) return absl::OkStatus();
  if (!cookies.is_array()) return InvalidArgument("cookies must be an array of strings");
  for (const json& cookie : cookies) {
    if (!cookie.is_string() || !http::IsFieldValue(cookie.get_ref<const std::string&>())) {
      return InvalidArgument("cookies must be an array of strings without line breaks");
    }
    answer->headers.emplace_back("Set-Cookie", cookie.get<std::string>());
  }
  return absl::OkStatus();
}

bool HasField(const EventAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers) {
    if (http::EqualsIgnoreCase(key, name)) return true;
  }
  return false;
}

json Member(const json& object, const char* name) {
  const auto it = object.find(name);
  return it == object.end() ? json() : *it;
}

absl::StatusOr<EventAnswer> HeadOf(const json& object) {
  EventAnswer answer;
  ASSIGN_OR_RETURN(answer.status, StatusOf(Member(object, "statusCode")));
  RETURN_IF_ERROR(AddFields(Member(object, "headers"), "headers", &answer));
  RETURN_IF_ERROR(AddFields(Member(object, "multiValueHeaders"), "multiValueHeaders", &answer));
  RETURN_IF_ERROR(AddCookies(Member(object, "cookies"), &answer));
  return answer;
}

absl::StatusOr<EventAnswer> FromHttpShape(const json& object) {
  ASSIGN_OR_RETURN(EventAnswer answer, HeadOf(object));
  const json body = Member(object, "body");
  const json encoded = Member(object, "isBase64Encoded");
  if (!body.is_null()) answer.body = AsText(body);
  if (encoded.is_boolean() && encoded.get<bool>()) {
    auto bytes = Base64Decode(answer.body);
    if (!bytes) return InvalidArgument("body is not base64, although isBase64Encoded is true");
    answer.body = std::move(*bytes);
  }
  if (!HasField(answer, "Content-Type")) answer.headers.emplace_back("Content-Type", kJson);
  return answer;
}

}  // namespace

absl::StatusOr<EventAnswer> FromResult(std::string_view result, std::string_view content_type) {
  const json value = Parse(result);
  if (value.is_object() && value.contains("statusCode")) return FromHttpShape(value);
  EventAnswer answer;
  if (value.is_discarded()) {
    const bool said =
        !content_type.empty() && !IsJsonType(content_type) && content_type != "application/unknown";
    answer.headers.emplace_back(
        "Content-Type",
        said ? content_type
             : (IsUtf8(result) ? kText : std::string_view("application/octet-stream")));
    answer.body = result;
    return answer;
  }
  if (value.is_string()) {
    answer.body = value.get<std::string>();
    const bool holds_json =
        (answer.body.starts_with('{') || answer.body.starts_with('[')) && json::accept(answer.body);
    answer.headers.emplace_back("Content-Type", holds_json ? kJson : kText);
    return answer;
  }
  answer.headers.emplace_back("Content-Type", kJson);
  answer.body = result;
  return answer;
}

absl::StatusOr<EventAnswer> FromPrelude(std::string_view text) {
  const json value = Parse(text);
  if (!value.is_object())
    return InvalidArgument("the prelude of the response stream is not a JSON object");
  json head = value;
  if (!head.contains("statusCode")) head["statusCode"] = 200;
  ASSIGN_OR_RETURN(EventAnswer answer, HeadOf(head));
  if (!HasField(answer, "Content-Type")) {
    answer.headers.emplace_back("Content-Type", "application/octet-stream");
  }
  return answer;
}

PreludeScanner::State PreludeScanner::Feed(std::string_view piece) {
  buffer_.append(piece);
  const size_t at = buffer_.find(kDelimiter, scanned_);
  if (at != std::string::npos) {
    end_ = at;
    return State::kDone;
  }
  scanned_ = buffer_.size() < kDelimiter.size() ? 0 : buffer_.size() - kDelimiter.size() + 1;
  return buffer_.size() > kMax ? State::kTooLong : State::kNeedMore;
}

}  // namespace hearth::watchdog
