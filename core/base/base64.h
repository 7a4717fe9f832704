#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth {

std::string Base64Encode(std::string_view bytes);
void AppendBase64(std::string* out, std::string_view bytes);
// Standard alphabet; padding may be missing, nothing else may be wrong.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace hearth
