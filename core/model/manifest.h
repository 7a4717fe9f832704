#pragma once

#include <absl/status/statusor.h>
#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/function.h"
#include "core/model/validate.h"

namespace hearth::model {

// The doors: each converts one outside form to a Function and back. Pure: text or JSON in, values or
// problems out. They know defaults of their door, no logic beyond that.

struct ParseOptions {
  std::string default_namespace = "default";
  // Expands ${VAR} and ${VAR:-default} in stack.yml; unset: no expansion.
  std::function<std::optional<std::string>(std::string_view)> environment;
};

struct Parsed {
  std::vector<Function> functions;
  std::vector<Problem> problems;  // any: nothing may be applied
};

// Any mix of documents: hearth.dev/v1 and openfaas.com/v1 Functions (`---`-separated YAML or JSON),
// or a stack.yml. Unknown fields are problems with a line and, where one is near, a suggestion.
Parsed ParseManifest(std::string_view yaml_or_json, const ParseOptions& options);

// hearth.dev/v1 as JSON. ToManifest writes what ParseManifest reads: a round trip is identity.
absl::StatusOr<Function> FromManifestJson(const nlohmann::json& object, const ParseOptions& options);
nlohmann::json ToManifestJson(const Function& function);
std::string ToManifestYaml(const Function& function);

// The OpenFaaS REST API (FunctionDeployment).
absl::StatusOr<Function> FromDeploymentJson(const nlohmann::json& object,
                                            const ParseOptions& options);
nlohmann::json ToDeploymentJson(const Function& function);

}  // namespace hearth::model
