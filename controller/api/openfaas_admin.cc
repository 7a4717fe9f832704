#include <nlohmann/json.hpp>

#include <algorithm>

#include "controller/api/handlers.h"
#include "controller/api/respond.h"
#include "core/base/absl_compat.h"
#include "core/base/base64.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using nlohmann::json;

// Secrets answer 422 where the contract has it, and never repeat what they were sent.
ApiResponse SecretError(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    return Error(422, "invalid_argument", Message(status));
  }
  return ErrorOf(status);
}

// rawValue (base64) wins where it is not empty: faas-cli sends both for a file.
absl::StatusOr<std::string> ValueOf(const json& body) {
  ASSIGN_OR_RETURN(const std::string raw, TextField(body, "rawValue"));
  if (raw.empty()) return TextField(body, "value");
  auto decoded = Base64Decode(raw);
  if (!decoded) return InvalidArgument("rawValue is not base64");
  return *std::move(decoded);
}

absl::StatusOr<std::map<std::string, std::string>> TextMap(const json& body, const char* field) {
  std::map<std::string, std::string> out;
  const auto it = body.find(field);
  if (it == body.end() || it->is_null()) return out;
  if (!it->is_object()) return InvalidArgument(Cat(field, " must be an object of texts"));
  for (const auto& [key, value] : it->items()) {
    if (!value.is_string()) return InvalidArgument(Cat(field, ".", key, " must be text"));
    out[key] = value.get<std::string>();
  }
  return out;
}

// The namespace that a request describes. The label "openfaas" is what upstream's tools look for.
absl::StatusOr<Namespace> NamespaceFrom(const ApiRequest& request, std::string_view name) {
  ASSIGN_OR_RETURN(const json body, ParseObject(request));
  Namespace ns;
  ns.name = std::string(name);
  ASSIGN_OR_RETURN(const std::string in_body, TextField(body, "name"));
  if (ns.name.empty()) ns.name = in_body;
  if (!in_body.empty() && in_body != ns.name) {
    return InvalidArgument(Cat("the body names namespace \"", in_body, "\", the path \"", ns.name,
                               "\"; make them the same"));
  }
  ASSIGN_OR_RETURN(ns.labels, TextMap(body, "labels"));
  ASSIGN_OR_RETURN(ns.annotations, TextMap(body, "annotations"));
  const auto [label, added] = ns.labels.emplace("openfaas", "1");
  if (!added && label->second != "1") {
    return InvalidArgument("labels.openfaas must be \"1\"; set it so or leave it out");
  }
  return ns;
}

ApiResponse GetNamespace(Platform& platform, std::string_view name) {
  for (const auto& ns : platform.Namespaces()) {
    if (ns.name != name) continue;
    return Json(200, {{"name", ns.name}, {"labels", ns.labels}, {"annotations", ns.annotations}});
  }
  return Error(404, "not_found", Cat("there is no namespace \"", name, "\""));
}

}  // namespace

ApiResponse HandleSecrets(Platform& platform, const ApiRequest& request) {
  if (request.method == "GET") {
    const auto asked = NamespaceOf(request, nullptr);
    const std::string ns = KeyOf(platform, "x", *asked).ns;
    const auto names = platform.Secrets(ns);
    if (!names.ok()) return SecretError(names.status());
    json list = json::array();
    for (const auto& name : *names) list.push_back({{"name", name}, {"namespace", ns}});
    return Json(200, list);
  }
  if (request.method != "POST" && request.method != "PUT" && request.method != "DELETE") {
    return WrongMethod(request, "GET, POST, PUT, DELETE");
  }
  const auto body = ParseObject(request);
  if (!body.ok()) return ErrorOf(body.status());
  const auto asked = NamespaceOf(request, &*body);
  if (!asked.ok()) return ErrorOf(asked.status());
  const std::string ns = KeyOf(platform, "x", *asked).ns;
  const auto name = TextField(*body, "name");
  if (!name.ok()) return ErrorOf(name.status());
  if (name->empty()) return Error(400, "invalid_argument", "name is missing: name the secret");
  if (request.method == "DELETE") {
    const absl::Status done = platform.RemoveSecret(ns, *name);
    return done.ok() ? Accepted(Cat("secret ", *name, " was removed")) : SecretError(done);
  }
  const auto value = ValueOf(*body);
  if (!value.ok()) return SecretError(value.status());
  const bool create = request.method == "POST";
  const absl::Status done =
      create ? platform.CreateSecret(ns, *name, *value) : platform.UpdateSecret(ns, *name, *value);
  if (!done.ok()) return SecretError(done);
  return Accepted(Cat("secret ", *name, create ? " was created" : " was updated"));
}

ApiResponse HandleNamespaces(Platform& platform, const ApiRequest&) {
  json names = json::array();
  for (const auto& ns : platform.Namespaces()) names.push_back(ns.name);
  return Json(200, names);
}

ApiResponse HandleNamespace(Platform& platform, const ApiRequest& request, std::string_view name) {
  if (name.find('/') != std::string_view::npos) return NoSuchPath(request);
  if (request.method == "GET") return GetNamespace(platform, name);
  if (request.method == "DELETE") {
    const absl::Status done = platform.DeleteNamespace(std::string(name));
    return done.ok() ? Accepted(Cat("namespace ", name, " was removed")) : ErrorOf(done);
  }
  if (request.method != "POST" && request.method != "PUT") {
    return WrongMethod(request, "GET, POST, PUT, DELETE");
  }
  auto ns = NamespaceFrom(request, name);
  if (!ns.ok()) return ErrorOf(ns.status());
  const std::string target = ns->name;
  if (request.method == "POST") {
    const absl::Status done = platform.CreateNamespace(*std::move(ns));
    if (!done.ok()) return ErrorOf(done);
    return Json(201, {{"message", Cat("namespace ", target, " was created")}});
  }
  const absl::Status done = platform.UpdateNamespace(*std::move(ns));
  return done.ok() ? Accepted(Cat("namespace ", target, " was updated")) : ErrorOf(done);
}

}  // namespace hearth::controller
