#pragma once

#include <string_view>

namespace hearth {

std::string_view Version();  // "0.1.0", from the build

}  // namespace hearth
