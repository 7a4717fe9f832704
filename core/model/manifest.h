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

// The doors: each converts one outside form to a Function and back. Pure: text or JSON in, values
// or problems out. They know defaults of their door, no logic beyond that.

struct ParseOptions {
  std::string default_namespace = "default";
  // Expands ${VAR} and ${VAR:-default} in stack.yml; unset: no expansion.
  std::function<std::optional<std::string>(std::string_view)> environment;
  // Reads a stack.yml's environment_file; unset: such a file is refused.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  // Whether stack.yml's `lang` is a runtime of ours; unset: every one is. One that is not is
  // deployed as the image that the stack names.
  std::function<bool(std::string_view)> is_runtime;
  Side side = Side::kServer;
};

struct Parsed {
  std::vector<Function> functions;
  std::vector<Problem> problems;  // any: nothing may be applied
  std::string gateway;            // provider.gateway of a stack.yml
};

// Any mix of documents: hearth.dev/v1 and openfaas.com/v1 Functions (`---`-separated YAML or JSON),
// or a stack.yml. Unknown fields are problems with a line and, where one is near, a suggestion.
// What Validate finds is among the problems.
Parsed ParseManifest(std::string_view yaml_or_json, const ParseOptions& options);

// hearth.dev/v1 as JSON. ToManifest writes what ParseManifest reads: a round trip is identity.
// FromManifestJson does not call Validate: it reads what a store has accepted before.
absl::StatusOr<Function> FromManifestJson(const nlohmann::json& object,
                                          const ParseOptions& options);
nlohmann::json ToManifestJson(const Function& function);
std::string ToManifestYaml(const Function& function);

// The OpenFaaS REST API (FunctionDeployment). FromDeploymentJson calls Validate.
absl::StatusOr<Function> FromDeploymentJson(const nlohmann::json& object,
                                            const ParseOptions& options);
nlohmann::json ToDeploymentJson(const Function& function);

// The reference of hearth.dev/v1, as Markdown.
std::string ManifestReference();

}  // namespace hearth::model
