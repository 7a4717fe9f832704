#include <nlohmann/json.hpp>

#include "controller/api/handlers.h"
#include "controller/api/respond.h"
#include "controller/api/status_json.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"

namespace hearth::controller {
namespace {

using nlohmann::json;

bool IsSet(const ApiRequest& request, const char* flag) {
  const auto it = request.query.find(flag);
  return it != request.query.end() && it->second != "0" && it->second != "false";
}

const char* ToText(ApplyResult result) {
  switch (result) {
    case ApplyResult::kCreated:
      return "created";
    case ApplyResult::kConfigured:
      return "configured";
    case ApplyResult::kUnchanged:
      break;
  }
  return "unchanged";
}

ApiResponse List(Platform& platform, const ApiRequest& request) {
  const auto ns = request.query.find("namespace");
  json items = json::array();
  for (const auto& view : platform.List(ns == request.query.end() ? "" : ns->second)) {
    items.push_back(ToJson(view, platform.default_namespace()));
  }
  return Json(200, {{"items", std::move(items)}});
}

ApiResponse Put(Platform& platform, const ApiRequest& request, const FunctionKey& key) {
  model::ParseOptions options;
  options.default_namespace = key.ns;
  model::Parsed parsed = model::ParseManifest(request.body, options);
  if (!parsed.problems.empty()) return ErrorOf(parsed.problems);
  if (parsed.functions.size() != 1) {
    return Error(
        400, "invalid_argument",
        Cat("the body holds ", parsed.functions.size(), " Functions; send exactly one a request"));
  }
  model::Function& function = parsed.functions.front();
  if (function.key != key) {
    return ErrorOf(std::vector<model::Problem>{
        {function.key.name != key.name ? "metadata.name" : "metadata.namespace",
         Cat("the manifest is of ", function.key.Text(), ", the path says ", key.Text(),
             "; make them the same"),
         0}});
  }
  const auto effect = IsSet(request, "dryRun") ? ApplyEffect::kDryRun : ApplyEffect::kReal;
  auto applied = platform.Apply(std::move(function), ApplyMode::kCreateOrUpdate, effect);
  if (!applied.ok()) return ErrorOf(applied.status());
  return Json(200, {{"result", ToText(applied->result)},
                    {"object", ToJson(applied->view, platform.default_namespace())}});
}

}  // namespace

ApiResponse HandleV1Functions(Platform& platform, const ApiRequest& request,
                              std::string_view rest) {
  if (rest.empty()) {
    return request.method == "GET" ? List(platform, request) : WrongMethod(request, "GET");
  }
  const std::vector<std::string_view> parts = Split(rest, '/');
  if (parts.size() != 2) return NoSuchPath(request);
  const FunctionKey key{std::string(parts[0]), std::string(parts[1])};
  if (request.method == "GET") {
    const auto view = platform.Get(key);
    if (!view.ok()) return ErrorOf(view.status());
    return Json(200, ToJson(*view, platform.default_namespace()));
  }
  if (request.method == "PUT") return Put(platform, request, key);
  if (request.method == "DELETE") {
    const absl::Status done = platform.Delete(key);
    return done.ok() ? Accepted(Cat(key.Text(), " is being removed")) : ErrorOf(done);
  }
  return WrongMethod(request, "GET, PUT, DELETE");
}

}  // namespace hearth::controller
