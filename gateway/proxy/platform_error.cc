#include "gateway/proxy/platform_error.h"

#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "core/http/writer.h"

namespace hearth::proxy {
namespace {

using Writer = http::HeadWriter<http::HeadBuffer>;

// Calls `emit` with the name and the value of each field of an error's own.
template <typename Emit>
void ForErrorFields(const PlatformError& error, Emit emit) {
  emit("Content-Type", "application/json");
  emit("X-Hearth-Error", Cat("gateway;", error.reason));
  emit("X-OpenFaaS-Internal", "gateway");
  if (error.retry_after != 0) emit("Retry-After", std::to_string(error.retry_after));
  if (!error.www_authenticate.empty()) emit("WWW-Authenticate", error.www_authenticate);
}

// What follows the answer's own fields.
void FinishLocal(int status, std::string_view body, const LocalHead& with, Writer* writer,
                 http::HeadBuffer* out) {
  const bool may_have_body = status != 204 && status != 304;
  if (!with.date.empty()) writer->Field("Date", with.date);
  writer->Lines(with.stamp).Lines(with.served_by_line).Lines(with.timing);
  if (may_have_body) writer->Field("Content-Length", static_cast<uint64_t>(body.size()));
  if (!with.keep_alive) {
    writer->Lines("Connection: close\r\n");
  } else if (with.http10) {
    writer->Lines("Connection: keep-alive\r\n");
  }
  writer->End();
  if (may_have_body && !with.head_method) out->append(body);
}

}  // namespace

LocalResponse ToResponse(const PlatformError& error, std::string_view call_id) {
  LocalResponse response;
  response.status = error.status;
  response.reason = error.reason;
  ForErrorFields(error, [&](std::string_view name, std::string_view value) {
    response.headers.emplace_back(name, value);
  });
  WriteErrorBody(error, call_id, &response.body);
  return response;
}

void WriteErrorBody(const PlatformError& error, std::string_view call_id, std::string* out) {
  out->append("{\"error\":");
  AppendJsonString(out, error.message);
  out->append(",\"reason\":");
  AppendJsonString(out, error.reason);
  if (!error.function.empty()) {
    out->append(",\"function\":");
    AppendJsonString(out, error.function);
  }
  if (!call_id.empty()) {
    out->append(",\"callId\":");
    AppendJsonString(out, call_id);
  }
  out->append("}\n");
}

void WriteError(const PlatformError& error, std::string_view body, const LocalHead& with,
                http::HeadBuffer* out) {
  Writer writer(out);
  writer.StatusLine(error.status);
  ForErrorFields(error,
                 [&](std::string_view name, std::string_view value) { writer.Field(name, value); });
  FinishLocal(error.status, body, with, &writer, out);
}

void WriteLocal(const LocalResponse& response, const LocalHead& with, http::HeadBuffer* out) {
  Writer writer(out);
  writer.StatusLine(response.status);
  for (const auto& [name, value] : response.headers) writer.Field(name, value);
  FinishLocal(response.status, response.body, with, &writer, out);
}

}  // namespace hearth::proxy
