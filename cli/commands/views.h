#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "core/base/clock.h"

namespace hearth::cli {

// How Function objects are shown to people. Pure: JSON in, text out.

enum class Columns : uint8_t { kUsual, kMore };
enum class SortBy : uint8_t { kName, kInvocations, kCreation };
void SortFunctions(SortBy by, std::vector<nlohmann::json>* functions);
std::string FunctionsTable(const std::vector<nlohmann::json>& functions, Columns columns,
                           WallTime now);

// Everything about one function. Values of secrets are not in it: the API never sends them.
std::string FunctionDescription(const nlohmann::json& function, const std::string& url);

}  // namespace hearth::cli
