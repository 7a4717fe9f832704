#pragma once

#include <string>
#include <vector>

#include "core/http/message.h"

namespace hearth::watchdog {

// What a process per request is told about its request, as of-watchdog has it: "Http_Method=POST",
// "Http_Path=/x", "Http_Query=a=b", "Http_Host=…", and "Http_Content_Type=…" for each header field
// (the first of a name counts). Appended to the function's environment. Pure.
void AppendCgiEnvironment(const http::RequestHead& head, std::string_view call_id,
                          std::vector<std::string>* out);

}  // namespace hearth::watchdog
