#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "controller/api/handlers.h"
#include "controller/api/respond.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"

namespace hearth::controller {
namespace {

using nlohmann::json;

constexpr uint32_t kMostReplicas = 10'000;

// FunctionStatus of the contract.
json StatusOf(const FunctionView& view) {
  json out = model::ToDeploymentJson(view.function);
  out["name"] = view.function.key.name;
  out.erase("service");
  for (const char* always : {"labels", "annotations"}) {
    if (!out.contains(always) || !out[always].is_object()) out[always] = json::object();
  }
  out["labels"]["faas_function"] = view.function.key.name;
  out["invocationCount"] = static_cast<double>(view.invocations);
  out["replicas"] = view.status.desired;
  out["availableReplicas"] = view.status.available;
  out["createdAt"] = FormatTime(view.function.created);
  return out;
}

ApiResponse Deploy(Platform& platform, const ApiRequest& request, ApplyMode mode) {
  auto body = ParseObject(request);
  if (!body.ok()) return ErrorOf(body.status());
  auto ns = NamespaceOf(request, &*body);
  if (!ns.ok()) return ErrorOf(ns.status());
  const auto service = TextField(*body, "service");
  if (!service.ok()) return ErrorOf(service.status());
  const FunctionKey key = KeyOf(platform, *service, *ns);
  (*body)["service"] = key.name;
  (*body)["namespace"] = key.ns;
  model::ParseOptions options;
  options.default_namespace = key.ns;
  auto function = model::FromDeploymentJson(*body, options);
  if (!function.ok()) return ErrorOf(function.status());
  function->door = model::Door::kOpenFaasApi;
  const auto applied = platform.Apply(*std::move(function), mode, ApplyEffect::kReal);
  if (!applied.ok()) return ErrorOf(applied.status());
  return Accepted(Cat(key.Text(), " is being deployed"));
}

ApiResponse Remove(Platform& platform, const ApiRequest& request) {
  auto body = ParseObject(request);
  if (!body.ok()) return ErrorOf(body.status());
  auto ns = NamespaceOf(request, &*body);
  if (!ns.ok()) return ErrorOf(ns.status());
  const auto name = TextField(*body, "functionName");
  if (!name.ok()) return ErrorOf(name.status());
  if (name->empty()) {
    return Error(400, "invalid_argument", "functionName is missing: say which function to remove");
  }
  const FunctionKey key = KeyOf(platform, *name, *ns);
  const absl::Status done = platform.Delete(key);
  return done.ok() ? Accepted(Cat(key.Text(), " is being removed")) : ErrorOf(done);
}

// Unset: the number is the autoscaler's again.
absl::StatusOr<std::optional<uint32_t>> ReplicasOf(const json& body) {
  const auto field = body.find("replicas");
  if (field == body.end() || field->is_null()) return std::optional<uint32_t>();
  if (!field->is_number_integer() || field->get<double>() < 0) {
    return InvalidArgument("replicas must be a whole number from 0, or null for autoscaling");
  }
  if (field->get<double>() > kMostReplicas) {
    return InvalidArgument(Cat("replicas must be at most ", kMostReplicas));
  }
  return std::optional<uint32_t>(field->get<uint32_t>());
}

}  // namespace

absl::StatusOr<json> ParseObject(const ApiRequest& request) {
  json body = json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return InvalidArgument("the body is not valid JSON");
  if (!body.is_object()) return InvalidArgument("the body must be a JSON object");
  return body;
}

absl::StatusOr<std::string> TextField(const json& object, const char* field) {
  const auto it = object.find(field);
  if (it == object.end() || it->is_null()) return std::string();
  if (!it->is_string()) return InvalidArgument(Cat(field, " must be text"));
  return it->get<std::string>();
}

absl::StatusOr<std::string> NamespaceOf(const ApiRequest& request, const json* body) {
  std::string ns;
  if (const auto it = request.query.find("namespace"); it != request.query.end()) ns = it->second;
  if (ns.empty() && body != nullptr) {
    ASSIGN_OR_RETURN(ns, TextField(*body, "namespace"));
  }
  return ns;
}

FunctionKey KeyOf(const Platform& platform, std::string_view name, const std::string& ns) {
  const auto resolved = [&](std::string text) {
    if (text.empty()) return platform.default_namespace();
    if (text != "openfaas-fn") return text;
    const auto all = platform.Namespaces();
    const bool exists =
        std::any_of(all.begin(), all.end(), [&](const Namespace& n) { return n.name == text; });
    return exists ? text : platform.default_namespace();
  };
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {resolved(ns), std::string(name)};
  return {resolved(std::string(name.substr(dot + 1))), std::string(name.substr(0, dot))};
}

ApiResponse HandleFunctions(Platform& platform, const ApiRequest& request) {
  if (request.method == "POST") return Deploy(platform, request, ApplyMode::kCreate);
  if (request.method == "PUT") return Deploy(platform, request, ApplyMode::kUpdate);
  if (request.method == "DELETE") return Remove(platform, request);
  if (request.method != "GET") return WrongMethod(request, "GET, POST, PUT, DELETE");
  const auto ns = NamespaceOf(request, nullptr);
  json list = json::array();
  for (const auto& view : platform.List(KeyOf(platform, "x", *ns).ns)) {
    list.push_back(StatusOf(view));
  }
  return Json(200, list);
}

ApiResponse HandleFunction(Platform& platform, const ApiRequest& request, std::string_view name) {
  if (request.method != "GET") return WrongMethod(request, "GET");
  const auto ns = NamespaceOf(request, nullptr);
  const auto view = platform.Get(KeyOf(platform, name, *ns));
  if (!view.ok()) return ErrorOf(view.status());
  return Json(200, StatusOf(*view));
}

ApiResponse HandleScale(Platform& platform, const ApiRequest& request, std::string_view name) {
  if (request.method != "POST") return WrongMethod(request, "POST");
  const auto body = ParseObject(request);
  if (!body.ok()) return ErrorOf(body.status());
  const auto ns = NamespaceOf(request, &*body);
  if (!ns.ok()) return ErrorOf(ns.status());
  std::string target(name);
  if (target.empty()) {
    const auto service = TextField(*body, "serviceName");
    if (!service.ok()) return ErrorOf(service.status());
    target = *service;
  }
  const auto replicas = ReplicasOf(*body);
  if (!replicas.ok()) return ErrorOf(replicas.status());
  const FunctionKey key = KeyOf(platform, target, *ns);
  const absl::Status done = platform.Scale(key, *replicas);
  if (!done.ok()) return ErrorOf(done);
  return Accepted(*replicas ? Cat(key.Text(), " is being scaled to ", **replicas)
                            : Cat(key.Text(), " is scaled by its load again"));
}

}  // namespace hearth::controller
