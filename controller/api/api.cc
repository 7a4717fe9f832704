#include "controller/api/api.h"

#include <nlohmann/json.hpp>

#include <exception>

#include "controller/api/handlers.h"
#include "controller/api/respond.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using nlohmann::json;

// What follows `prefix`, which must end where a path segment ends. nullopt: another path.
std::optional<std::string_view> Below(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  std::string_view rest = path.substr(prefix.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  return rest;
}

}  // namespace

Api::Api(Platform* platform, ApiOptions options)
    : platform_(platform), options_(std::move(options)) {}

ApiResponse Api::Handle(const ApiRequest& request) const {
  try {
    return Dispatch(request);
  } catch (const json::exception& e) {
    return Error(400, "invalid_argument", Cat("the body is not what is expected: ", e.what()));
  } catch (const std::exception&) {
    return Error(500, "internal", "the request could not be handled; see the controller's log");
  }
}

ApiResponse Api::Dispatch(const ApiRequest& request) const {
  const std::string_view path = request.path;
  if (auto rest = Below(path, "/system/v1/functions")) {
    return HandleV1Functions(*platform_, request, *rest);
  }
  if (auto rest = Below(path, "/system/functions"); rest && rest->empty()) {
    return HandleFunctions(*platform_, request);
  }
  if (auto rest = Below(path, "/system/function")) {
    return HandleFunction(*platform_, request, *rest);
  }
  if (auto rest = Below(path, "/system/scale-function")) {
    return HandleScale(*platform_, request, *rest);
  }
  if (auto rest = Below(path, "/system/secrets"); rest && rest->empty()) {
    return HandleSecrets(*platform_, request);
  }
  if (auto rest = Below(path, "/system/namespaces")) {
    if (rest->empty() && request.method == "GET") return HandleNamespaces(*platform_, request);
    return HandleNamespace(*platform_, request, *rest);
  }
  if (auto rest = Below(path, "/system/namespace")) {
    return HandleNamespace(*platform_, request, *rest);
  }
  if (path == "/system/info") {
    return request.method == "GET" ? Info() : WrongMethod(request, "GET");
  }
  if (path == "/system/runtimes") {
    return request.method == "GET" ? Runtimes() : WrongMethod(request, "GET");
  }
  return NoSuchPath(request);
}

ApiResponse Api::Info() const {
  // faas-cli needs all three objects.
  const json version = {{"release", options_.version}, {"sha", ""}, {"commit_message", ""}};
  return Json(
      200,
      {{"provider",
        {{"provider", "hearth"}, {"version", version}, {"orchestration", options_.orchestration}}},
       {"version", version},
       {"arch", options_.arch}});
}

ApiResponse Api::Runtimes() const {
  json items = json::array();
  if (options_.runtimes) {
    for (const auto& r : options_.runtimes()) {
      json item = {{"name", r.name},       {"description", r.description},
                   {"version", r.version}, {"arch", r.arch},
                   {"libc", r.libc},       {"inline", r.can_inline},
                   {"file", r.file},       {"handler", r.handler}};
      if (!r.problem.empty()) item["problem"] = r.problem;
      items.push_back(std::move(item));
    }
  }
  return Json(200, {{"items", std::move(items)}});
}

}  // namespace hearth::controller
