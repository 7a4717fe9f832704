#pragma once

#include <absl/status/status.h>
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "controller/api/http.h"
#include "core/model/validate.h"

namespace hearth::controller {

ApiResponse Json(int status, const nlohmann::json& body);
ApiResponse Accepted(
    std::string_view message);  // 202, never 204: faas-cli takes that for a failure

// {"error","field","problems"} with X-Hearth-Error: controller;<reason>.
ApiResponse Error(int status, std::string_view reason, std::string_view message,
                  const std::vector<model::Problem>& problems = {});
ApiResponse ErrorOf(const absl::Status& status);
ApiResponse ErrorOf(const std::vector<model::Problem>& problems);  // 400
ApiResponse NoSuchPath(const ApiRequest& request);
ApiResponse WrongMethod(const ApiRequest& request, std::string_view allowed);

// The function's field that an error text begins with ("spec.secrets: …"), or "".
std::string FieldOf(std::string_view message);

}  // namespace hearth::controller
