#pragma once

#include <cstddef>
#include <string_view>

namespace hearth::watchdog {

// The length of the well-formed UTF-8 sequence at the start of `text` (not empty); 0: there is
// none.
size_t Utf8SequenceLength(std::string_view text);

bool IsUtf8(std::string_view text);

}  // namespace hearth::watchdog
