#include <cstdio>
#include <ctime>
#include <map>

#include "core/base/base64.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "watchdog/event/event.h"
#include "watchdog/event/utf8.h"

namespace hearth::watchdog {
namespace {

using SortedFields = std::map<std::string, std::string>;

// Writes JSON objects field by field: an event is made for every request.
class JsonObject {
 public:
  explicit JsonObject(std::string* out) : out_(*out) { out_ += '{'; }
  JsonObject& Text(std::string_view name, std::string_view value) {
    Name(name);
    AppendJsonString(&out_, value);
    return *this;
  }
  JsonObject& Raw(std::string_view name, std::string_view json) {
    Name(name);
    out_ += json;
    return *this;
  }
  JsonObject& Object(std::string_view name, const SortedFields& fields) {
    Name(name);
    JsonObject o(&out_);
    for (const auto& [key, value] : fields) o.Text(key, value);
    o.End();
    return *this;
  }
  void Name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    AppendJsonString(&out_, name);
    out_ += ':';
  }
  void End() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

void AddJoined(SortedFields* fields, std::string name, std::string_view value) {
  const auto [it, added] = fields->try_emplace(std::move(name), value);
  if (added) return;
  it->second += ',';
  it->second += value;
}

std::string Decoded(std::string_view text) {
  return PercentDecode(text, true).value_or(std::string(text));
}

SortedFields QueryParameters(std::string_view query) {
  SortedFields out;
  for (std::string_view pair : Split(query, '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    AddJoined(&out, Decoded(pair.substr(0, equals)), Decoded(value));
  }
  return out;
}

// Whether a body of this type goes into the event as text.
bool IsTextType(std::string_view content_type) {
  const std::string type = ToLower(Trim(content_type.substr(0, content_type.find(';'))));
  return type.empty() || type.starts_with("text/") || type == "application/json" ||
         type == "application/xml" || type == "application/javascript" ||
         type == "application/x-www-form-urlencoded" || type == "application/x-ndjson" ||
         type == "application/graphql" || type.ends_with("+json") || type.ends_with("+xml");
}

std::string LogTime(WallTime now) {
  const time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[48];
  strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S +0000", &utc);
  return text;
}

std::string Context(const EventRequest& r, std::string_view user_agent) {
  const int64_t epoch_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(r.now.time_since_epoch()).count();
  std::string http;
  JsonObject(&http)
      .Text("method", r.method)
      .Text("path", r.path)
      .Text("protocol", r.protocol)
      .Text("sourceIp", r.source_ip)
      .Text("userAgent", user_agent)
      .End();
  std::string out;
  JsonObject(&out)
      .Text("accountId", "anonymous")
      .Text("apiId", r.function)
      .Text("domainName", r.host)
      .Text("domainPrefix", r.function)
      .Raw("http", http)
      .Text("requestId", r.request_id)
      .Text("routeKey", "$default")
      .Text("stage", "$default")
      .Text("time", LogTime(r.now))
      .Raw("timeEpoch", std::to_string(epoch_ms))
      .End();
  return out;
}

}  // namespace

std::string ToEvent(const EventRequest& r) {
  SortedFields headers;
  std::string cookies = "[";
  std::string_view user_agent, content_type;
  for (const auto& [name, value] : r.headers) {
    std::string lower = ToLower(name);
    if (lower == "cookie") {
      for (std::string_view cookie : Split(value, ';')) {
        cookie = Trim(cookie);
        if (cookie.empty()) continue;
        if (cookies.size() > 1) cookies += ',';
        AppendJsonString(&cookies, cookie);
      }
      continue;
    }
    if (lower == "user-agent") user_agent = value;
    if (lower == "content-type") content_type = value;
    AddJoined(&headers, std::move(lower), value);
  }
  cookies += ']';
  const bool text = IsTextType(content_type) && IsUtf8(r.body);
  std::string out;
  out.reserve(1024 + r.body.size() + r.body.size() / 3);
  JsonObject event(&out);
  event.Text("version", "2.0")
      .Text("routeKey", "$default")
      .Text("rawPath", r.path)
      .Text("rawQueryString", r.query)
      .Raw("cookies", cookies)
      .Object("headers", headers)
      .Object("queryStringParameters", QueryParameters(r.query))
      .Raw("requestContext", Context(r, user_agent));
  if (text) {
    event.Text("body", r.body);
  } else {
    event.Name("body");
    out += '"';
    AppendBase64(&out, r.body);
    out += '"';
  }
  event.Raw("isBase64Encoded", text ? "false" : "true").End();
  return out;
}

std::string ErrorJson(std::string_view type, std::string_view message) {
  std::string out;
  JsonObject(&out).Text("errorMessage", message).Text("errorType", type).End();
  return out;
}

}  // namespace hearth::watchdog
