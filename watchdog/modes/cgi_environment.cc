#include "watchdog/modes/cgi_environment.h"

#include <algorithm>

namespace hearth::watchdog {
namespace {

// "content-type" → "Http_Content_Type".
std::string NameFor(std::string_view field) {
  std::string out = "Http_";
  bool start = true;
  for (char c : field) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (letter) {
      out.push_back(static_cast<char>(start ? c & ~0x20 : c | 0x20));
    } else {
      out.push_back(digit ? c : '_');
    }
    start = c == '-';
  }
  return out;
}

}  // namespace

void AppendCgiEnvironment(const http::RequestHead& head, std::string_view call_id,
                          std::vector<std::string>* out) {
  const size_t first = out->size();
  size_t own = first;  // of these, what the platform itself has set
  // A field that comes several times is one list (RFC 3875 §4.1.18), and none may replace or add to
  // what the platform says.
  const auto add = [&](std::string name, std::string_view value) {
    name += '=';
    for (size_t i = first; i < out->size(); ++i) {
      if (!(*out)[i].starts_with(name)) continue;
      if (i >= own) (*out)[i].append(", ").append(value);
      return;
    }
    out->push_back(name.append(value));
  };
  add("Http_Method", head.method);
  add("Http_Path", head.path);
  if (!head.query.empty()) add("Http_Query", head.query);
  if (!head.host.empty()) add("Http_Host", head.host);
  add("Http_X_Call_Id", call_id);
  own = out->size();
  for (const http::HeaderField& f : head.headers) {
    if (http::EqualsIgnoreCase(f.name, "X-Hearth-Token") ||
        http::EqualsIgnoreCase(f.name, "Proxy") || http::EqualsIgnoreCase(f.name, "Query")) {
      continue;
    }
    add(NameFor(f.name), f.value);
  }
}

}  // namespace hearth::watchdog
