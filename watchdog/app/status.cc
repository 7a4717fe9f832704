#include "watchdog/app/status.h"

#include "core/base/duration.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "core/base/version.h"

namespace hearth::watchdog {

std::string ToJson(const Status& s) {
  std::string out =
      Cat("{\"function\":", JsonString(s.function), ",\"namespace\":", JsonString(s.ns),
          ",\"revision\":", JsonString(s.revision), ",\"replica\":", JsonString(s.replica),
          ",\"pid\":", s.pid, ",\"state\":", JsonString(s.state),
          ",\"reason\":", JsonString(s.reason), ",\"in_flight\":", s.in_flight,
          ",\"started_total\":", s.started_total, ",\"restarts\":", s.restarts);
  if (s.last_exit_reason.empty()) {
    out += ",\"last_exit\":null";
  } else {
    out += Cat(",\"last_exit\":{\"reason\":", JsonString(s.last_exit_reason),
               ",\"time\":", JsonString(FormatTime(s.last_exit_time)), "}");
  }
  out += ",\"init_ms\":" + (s.init_ms ? std::to_string(*s.init_ms) : std::string("null"));
  out += Cat(",\"address\":", JsonString(s.address), ",\"version\":", JsonString(Version()));
  if (s.last_output != nullptr) {
    out += ",\"last_output\":[";
    for (const std::string& line : *s.last_output) {
      if (out.back() != '[') out += ',';
      AppendJsonString(&out, line);
    }
    out += ']';
  }
  out += '}';
  return out;
}

}  // namespace hearth::watchdog
