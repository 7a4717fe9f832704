#pragma once

#include <cstdint>
#include <string>

namespace hearth::fleet {

// Where the management API of the obeyed controller is.
struct ControllerInfo {
  std::string address;  // of its stream, as it was dialled
  uint64_t epoch = 0;
  std::string api_address;
  std::string stream_address;
  std::string internal_token;
  bool operator==(const ControllerInfo&) const = default;
};

}  // namespace hearth::fleet
