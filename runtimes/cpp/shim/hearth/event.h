#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.h"

namespace hearth {

namespace internal {

inline std::string EncodeBase64(std::string_view data) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  for (size_t i = 0; i < data.size(); i += 3) {
    const size_t left = data.size() - i;
    unsigned group = static_cast<unsigned char>(data[i]) << 16;
    if (left > 1) group |= static_cast<unsigned>(static_cast<unsigned char>(data[i + 1])) << 8;
    if (left > 2) group |= static_cast<unsigned char>(data[i + 2]);
    out += kDigits[group >> 18];
    out += kDigits[(group >> 12) & 63];
    out += left > 1 ? kDigits[(group >> 6) & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
  return out;
}

inline int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

inline std::string DecodeBase64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    const int digit = Base64Digit(c);
    if (digit < 0) continue;
    group = (group << 6 | static_cast<unsigned>(digit)) & 0xFFFFFF;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 0xFF);
    }
  }
  return out;
}

// Whether text may stand in JSON as it is.
inline bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = byte < 0x80 ? 1 : byte >= 0xC2 && byte < 0xE0 ? 2 : (byte & 0xF0) == 0xE0 ? 3
                          : byte >= 0xF0 && byte < 0xF5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    if (length > 2) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((byte == 0xE0 && second < 0xA0) || (byte == 0xED && second > 0x9F) ||
          (byte == 0xF0 && second < 0x90) || (byte == 0xF4 && second > 0x8F)) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

}  // namespace internal

// What a handler can know about its call.
struct Context {
  std::string request_id;
  std::string function_name;
  std::string function_version;
  std::string invoked_function_arn;
  std::string trace_id;
  int memory_limit_mb = 0;
  std::chrono::system_clock::time_point deadline{};

  std::chrono::milliseconds Remaining() const {
    using std::chrono::milliseconds;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::system_clock::now());
    return left.count() > 0 ? left : milliseconds(0);
  }
};

// An HTTP request: AWS's function-URL payload, version 2.0. `json` is the whole of it.
class Event {
 public:
  explicit Event(std::string_view text) : json(Json::Parse(text)) {}

  const Json json;

  std::string method() const { return json["requestContext"]["http"]["method"].str(); }
  std::string path() const { return json["rawPath"].str(); }
  std::string raw_query() const { return json["rawQueryString"].str(); }
  std::string query(std::string_view name, std::string_view otherwise = "") const {
    return json["queryStringParameters"][name].str(otherwise);
  }
  // Names are lower case.
  std::string header(std::string_view name, std::string_view otherwise = "") const {
    return json["headers"][name].str(otherwise);
  }
  std::vector<std::string> cookies() const {
    std::vector<std::string> all;
    for (const Json& cookie : json["cookies"].items()) all.push_back(cookie.str());
    return all;
  }
  // As the client sent it, whatever bytes it has.
  std::string body() const {
    std::string text = json["body"].str();
    return json["isBase64Encoded"].boolean() ? internal::DecodeBase64(text) : text;
  }
};

// An HTTP answer; the body may have any bytes.
struct Response {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  std::vector<std::string> cookies;

  static Response Text(int status, std::string body) {
    return {status, {{"content-type", "text/plain; charset=utf-8"}}, std::move(body), {}};
  }
  static Response JsonBody(int status, const Json& value) {
    return {status, {{"content-type", "application/json"}}, value.Dump(), {}};
  }

  // The head alone is what a stream begins with.
  Json Head() const {
    Json head = Json::object({{"statusCode", status}});
    if (!headers.empty()) {
      Json::Object fields;
      for (const auto& [name, value] : headers) fields.emplace(name, value);
      head.set("headers", Json(std::move(fields)));
    }
    if (!cookies.empty()) {
      Json lines = Json::array();
      for (const std::string& cookie : cookies) lines.push(cookie);
      head.set("cookies", std::move(lines));
    }
    return head;
  }
  std::string Encode() const {
    Json all = Head();
    if (internal::IsUtf8(body)) {
      all.set("body", body);
    } else {
      all.set("body", internal::EncodeBase64(body)).set("isBase64Encoded", true);
    }
    return all.Dump();
  }
};

}  // namespace hearth
