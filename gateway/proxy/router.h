#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::proxy {

// Where a request's path leads. Views into the path.
struct Destination {
  enum class Kind : uint8_t {
    kFunction,  // /function/NAME[.NAMESPACE][/path…]
    kAsync,     // /async-function/…
    kOther,     // /system/*, /healthz and the rest
  };
  Kind kind = Kind::kOther;
  std::string_view name;
  std::string_view ns;      // empty: the default one
  std::string_view suffix;  // what the function sees: "/" or "/path…"
};

// The last dot of the first segment separates the namespace. A name that cannot be one (empty,
// characters outside [-a-zA-Z0-9_.]) is returned as it is: no table has it.
Destination Route(std::string_view path);

}  // namespace hearth::proxy
