#include "core/net/http_headers.h"

#include <algorithm>

#include "core/base/strings.h"

namespace hearth::net {

Headers::Headers(const http::HeaderList& list) {
  fields_.reserve(list.size());
  for (const http::HeaderField& field : list) fields_.emplace_back(field.name, field.value);
}

Headers& Headers::Add(std::string_view name, std::string_view value) {
  fields_.emplace_back(name, value);
  return *this;
}

Headers& Headers::Set(std::string_view name, std::string_view value) {
  std::erase_if(fields_, [&](const Field& f) { return EqualsIgnoreAsciiCase(f.first, name); });
  return Add(name, value);
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoreAsciiCase(field.first, name)) return field.second;
  }
  return std::nullopt;
}

}  // namespace hearth::net
