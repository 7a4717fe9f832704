#include "gateway/proxy/platform_error.h"

#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "core/http/writer.h"

namespace hearth::proxy {

LocalResponse ToResponse(const PlatformError& error, std::string_view call_id) {
  LocalResponse response;
  response.status = error.status;
  response.reason = error.reason;
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("X-Hearth-Error", Cat("gateway;", error.reason));
  response.headers.emplace_back("X-OpenFaaS-Internal", "gateway");
  if (error.retry_after != 0) {
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after));
  }
  if (!error.www_authenticate.empty()) {
    response.headers.emplace_back("WWW-Authenticate", error.www_authenticate);
  }
  std::string& body = response.body;
  body = "{\"error\":";
  AppendJsonString(&body, error.message);
  body += ",\"reason\":";
  AppendJsonString(&body, error.reason);
  if (!error.function.empty()) {
    body += ",\"function\":";
    AppendJsonString(&body, error.function);
  }
  if (!call_id.empty()) {
    body += ",\"callId\":";
    AppendJsonString(&body, call_id);
  }
  body += "}\n";
  return response;
}

void WriteLocal(const LocalResponse& response, const LocalHead& with, http::HeadBuffer* out) {
  http::HeadWriter<http::HeadBuffer> writer(out);
  writer.StatusLine(response.status);
  for (const auto& [name, value] : response.headers) writer.Field(name, value);
  if (!with.date.empty()) writer.Field("Date", with.date);
  writer.Lines(with.stamp).Lines(with.served_by_line);
  if (response.status != 204 && response.status != 304) {
    writer.Field("Content-Length", static_cast<uint64_t>(response.body.size()));
  }
  if (!with.keep_alive) {
    writer.Field("Connection", "close");
  } else if (with.http10) {
    writer.Field("Connection", "keep-alive");
  }
  writer.End();
  if (!with.head_method && response.status != 204 && response.status != 304) {
    out->append(response.body);
  }
}

}  // namespace hearth::proxy
