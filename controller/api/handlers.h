#pragma once

#include <absl/status/statusor.h>
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

#include "controller/api/http.h"
#include "controller/api/platform.h"

namespace hearth::controller {

// One family of paths each. Functions of the request and the platform; they may throw what the JSON
// library throws, which Api turns into a 400.

// Hearth's own: /system/v1/functions[/NS/NAME]; `rest` is what follows "/system/v1/functions".
ApiResponse HandleV1Functions(Platform& platform, const ApiRequest& request, std::string_view rest);

// The OpenFaaS REST API.
ApiResponse HandleFunctions(Platform& platform, const ApiRequest& request);
ApiResponse HandleFunction(Platform& platform, const ApiRequest& request, std::string_view name);
ApiResponse HandleScale(Platform& platform, const ApiRequest& request, std::string_view name);
ApiResponse HandleSecrets(Platform& platform, const ApiRequest& request);
ApiResponse HandleNamespaces(Platform& platform, const ApiRequest& request);
ApiResponse HandleNamespace(Platform& platform, const ApiRequest& request, std::string_view name);

// The body as a JSON object; InvalidArgument says where it is not.
absl::StatusOr<nlohmann::json> ParseObject(const ApiRequest& request);
// object[field] as text; "" where it is missing, InvalidArgument where it is something else.
absl::StatusOr<std::string> TextField(const nlohmann::json& object, const char* field);
// The query's, the body's, or "".
absl::StatusOr<std::string> NamespaceOf(const ApiRequest& request, const nlohmann::json* body);
// "name", or "name.namespace" split at the last dot; the default namespace where neither says one.
// "openfaas-fn" means the default one where no namespace of that name exists.
FunctionKey KeyOf(const Platform& platform, std::string_view name, const std::string& ns);

}  // namespace hearth::controller
