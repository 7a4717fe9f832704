#include "watchdog/wire/error_body.h"

#include "core/base/json_escape.h"
#include "core/http/writer.h"

namespace hearth::watchdog {

ErrorAnswer MakeError(std::string_view component, std::string_view reason,
                      std::string_view message) {
  ErrorAnswer answer;
  http::HeadWriter<std::string>(&answer.fields)
      .Field("Content-Type", "application/json")
      .Field("X-Hearth-Error", std::string(component) + ";" + std::string(reason));
  if (component == "watchdog") answer.fields += "X-OpenFaaS-Internal: of-watchdog\r\n";
  answer.body = "{\"error\":";
  AppendJsonString(&answer.body, message);
  answer.body += ",\"reason\":";
  AppendJsonString(&answer.body, reason);
  answer.body += "}\n";
  return answer;
}

}  // namespace hearth::watchdog
