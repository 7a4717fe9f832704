#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/writer.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::proxy {

// An answer that the gateway gives instead of a function, so that a caller can always tell the
// platform's fault from the function's. Views only: it lives as long as the call that answers with
// it.
struct PlatformError {
  int status = 500;
  std::string_view reason = {};    // stable, goes into "X-Hearth-Error: gateway;<reason>"
  std::string_view message = {};   // what happened and what to do, for people
  std::string_view function = {};  // "name.namespace"; empty where it is no function's
  uint32_t retry_after = 0;        // seconds; 0: no such field
  std::string_view www_authenticate = {};
};

// What every answer made by the gateway carries beside its own fields.
struct LocalHead {
  std::string_view stamp = {};           // CallStamp::lines
  std::string_view served_by_line = {};  // "X-Served-By: …" with CR LF
  std::string_view date = {};
  std::string_view timing = {};  // a whole line, or nothing
  bool keep_alive = true;
  bool http10 = false;
  bool head_method = false;  // Content-Length, but no body
};

LocalResponse ToResponse(const PlatformError& error, std::string_view call_id);

// The JSON text that is an error's body. Appends.
void WriteErrorBody(const PlatformError& error, std::string_view call_id, std::string* out);

// A whole answer as wire text. Under overload most answers are errors: theirs are written without a
// LocalResponse in between.
void WriteError(const PlatformError& error, std::string_view body, const LocalHead& with,
                http::HeadBuffer* out);
void WriteLocal(const LocalResponse& response, const LocalHead& with, http::HeadBuffer* out);

}  // namespace hearth::proxy
