#include "controller/api/respond.h"

#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/base/status_codes.h"
#include "core/base/strings.h"

namespace hearth::controller {

using nlohmann::json;

ApiResponse Json(int status, const json& body) {
  ApiResponse r;
  r.status = status;
  // A function's environment may hold bytes that are not UTF-8.
  r.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return r;
}

ApiResponse Accepted(std::string_view message) {
  return Json(202, {{"message", std::string(message)}});
}

std::string FieldOf(std::string_view message) {
  if (!message.starts_with("spec") && !message.starts_with("metadata")) return "";
  const size_t end = message.find(": ");
  if (end == std::string_view::npos) return "";
  const std::string_view field = message.substr(0, end);
  return field.find(' ') == std::string_view::npos ? std::string(field) : "";
}

ApiResponse Error(int status, std::string_view reason, std::string_view message,
                  const std::vector<model::Problem>& problems) {
  json body = {{"error", std::string(message)}};
  json list = json::array();
  for (const auto& problem : problems) {
    json one = {{"field", problem.field}, {"message", problem.message}};
    if (problem.line > 0) one["line"] = problem.line;
    list.push_back(std::move(one));
  }
  if (!problems.empty()) {
    body["field"] = problems.front().field;
  } else if (const std::string field = FieldOf(message); !field.empty()) {
    body["field"] = field;
    list.push_back({{"field", field}, {"message", std::string(message.substr(field.size() + 2))}});
  }
  body["problems"] = std::move(list);
  ApiResponse r = Json(status, body);
  r.headers.emplace_back("X-Hearth-Error", Cat("controller;", reason));
  return r;
}

ApiResponse ErrorOf(const absl::Status& status) {
  return Error(HttpStatusOf(status.code()), ReasonOf(status.code()), Message(status));
}

ApiResponse ErrorOf(const std::vector<model::Problem>& problems) {
  return Error(400, "invalid_argument", Message(model::ToStatus(problems)), problems);
}

ApiResponse NoSuchPath(const ApiRequest& request) {
  return Error(404, "not_found", Cat("the management API has nothing at ", request.path));
}

ApiResponse WrongMethod(const ApiRequest& request, std::string_view allowed) {
  ApiResponse r = Error(405, "method_not_allowed",
                        Cat(request.path, " takes ", allowed, ", not ", request.method));
  r.headers.emplace_back("Allow", std::string(allowed));
  return r;
}

}  // namespace hearth::controller
