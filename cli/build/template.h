#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

namespace hearth::cli {

// "{{name}}" replaced, everywhere in the text.
std::string FillTemplate(std::string_view text, std::string_view name);

// Copies a runtime's template: "{{name}}" in file names and in text is replaced. `to` is made.
absl::Status CopyTemplate(const std::string& from, const std::string& to, std::string_view name);

}  // namespace hearth::cli
