#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "controller/api/platform.h"
#include "controller/reconcile/status.h"

namespace hearth::controller {

nlohmann::json ToJson(const std::vector<Condition>& conditions);
std::vector<Condition> ConditionsFromJson(
    const nlohmann::json& array);  // skips what it cannot read

// The manifest with metadata.generation and status, as docs/reference/api.md has it.
nlohmann::json ToJson(const FunctionView& view, const std::string& default_namespace);

}  // namespace hearth::controller
