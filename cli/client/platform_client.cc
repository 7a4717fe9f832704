#include "cli/client/platform_client.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/absl_compat.h"
#include "core/base/base64.h"
#include "core/base/status_codes.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "core/base/version.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kDefaultNamespace = "default";

std::string FunctionPath(const FunctionKey& key) {
  return Cat("/system/v1/functions/",
             PercentEncode(key.ns.empty() ? kDefaultNamespace : std::string_view(key.ns)), "/",
             PercentEncode(key.name));
}

// The text of an error answer: its JSON's "error" with the problems it may list, or the body.
std::string ErrorText(const HttpResponse& response) {
  const json body = json::parse(response.body, nullptr, false);
  if (!body.is_object() || !body.contains("error") || !body["error"].is_string()) {
    return std::string(Trim(response.body)).substr(0, 2000);
  }
  std::string text = body["error"].get<std::string>();
  if (!body.contains("problems") || !body["problems"].is_array()) return text;
  for (const json& problem : body["problems"]) {
    if (!problem.is_object()) continue;
    const std::string message = problem.value("message", "");
    if (text.find(message) == std::string::npos) {
      text += Cat("\n", problem.value("field", ""), ": ", message);
    }
  }
  return text;
}

}  // namespace

std::string PlatformClient::FunctionUrl(const FunctionKey& key) const {
  const bool is_default = key.ns.empty() || key.ns == kDefaultNamespace;
  return Cat(gateway_.url, "/function/", key.name, is_default ? "" : "." + key.ns);
}

void PlatformClient::AddCredentials(HttpRequest* request) const {
  if (credentials_.empty()) return;
  request->headers.emplace_back(
      "Authorization", "Basic " + Base64Encode(Cat(credentials_.user, ":", credentials_.password)));
}

HttpRequest PlatformClient::NewRequest(std::string_view method, std::string_view path) const {
  HttpRequest request;
  request.method = method;
  request.url = Cat(gateway_.url, path);
  request.headers.emplace_back("User-Agent", Cat("hearth/", Version()));
  AddCredentials(&request);
  return request;
}

absl::Status PlatformClient::Explain(const absl::Status& status) const {
  if (status.code() == absl::StatusCode::kUnavailable) {
    return Unavailable(Cat("no gateway answers at ", gateway_.url, " (from ", gateway_.from,
                           ")\n  start a platform on this machine with \"hearth serve\", or name "
                           "another gateway with --gateway or HEARTH_URL\n  (",
                           Message(status), ")"));
  }
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return DeadlineExceeded(Cat("the gateway at ", gateway_.url, " did not answer in time"));
  }
  return status;
}

absl::Status PlatformClient::ErrorOf(const HttpResponse& response) const {
  if (response.status == 401) {
    const std::string remedy = Cat("log in with \"hearth login --gateway ", gateway_.url, "\"");
    return Unauthenticated(
        has_credentials()
            ? Cat("the gateway at ", gateway_.url, " does not accept these credentials; ", remedy)
            : Cat("the gateway at ", gateway_.url, " wants credentials; ", remedy,
                  "\n  where \"hearth serve --data FOLDER\" runs on this machine, set "
                  "HEARTH_DATA=FOLDER instead"));
  }
  std::string text = ErrorText(response);
  if (text.empty()) {
    const std::string_view origin = response.Header("X-Hearth-Error");
    text = Cat("the gateway answered ", response.status, origin.empty() ? "" : ": ", origin);
  }
  if (response.status == 403) return PermissionDenied(text);
  return absl::Status(StatusCodeOf(response.status), A(text));
}

absl::StatusOr<json> PlatformClient::Call(std::string_view method, std::string_view path,
                                          const json* body) {
  HttpRequest request = NewRequest(method, path);
  if (body != nullptr) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = body->dump();
  }
  auto response = transport_.Send(request);
  if (!response.ok()) return Explain(response.status());
  if (response->status >= 300) return ErrorOf(*response);
  if (Trim(response->body).empty()) return json();
  json parsed = json::parse(response->body, nullptr, false);
  // Some answers of the OpenFaaS API are plain text.
  if (parsed.is_discarded()) return json(response->body);
  return parsed;
}

absl::StatusOr<std::vector<json>> PlatformClient::ListFunctions(std::string_view ns) {
  std::string path = "/system/v1/functions";
  if (!ns.empty()) path += Cat("?namespace=", PercentEncode(ns));
  ASSIGN_OR_RETURN(const json answer, Call("GET", path, nullptr));
  if (!answer.is_object() || !answer.contains("items") || !answer["items"].is_array()) {
    return Internal(Cat("the gateway at ", gateway_.url,
                        " is not a Hearth gateway: its list of "
                        "functions has no \"items\""));
  }
  return answer["items"].get<std::vector<json>>();
}

absl::StatusOr<json> PlatformClient::GetFunction(const FunctionKey& key) {
  return Call("GET", FunctionPath(key), nullptr);
}

absl::StatusOr<json> PlatformClient::PutFunction(const FunctionKey& key, const json& manifest,
                                                 Apply apply) {
  return Call("PUT", FunctionPath(key) + (apply == Apply::kDryRun ? "?dryRun=1" : ""), &manifest);
}

absl::Status PlatformClient::DeleteFunction(const FunctionKey& key) {
  return Call("DELETE", FunctionPath(key), nullptr).status();
}

absl::Status PlatformClient::Scale(const FunctionKey& key, uint32_t replicas) {
  json body = {{"serviceName", key.name}, {"replicas", replicas}};
  std::string path = Cat("/system/scale-function/", PercentEncode(key.name));
  if (!key.ns.empty()) {
    body["namespace"] = key.ns;
    path += Cat("?namespace=", PercentEncode(key.ns));
  }
  return Call("POST", path, &body).status();
}

absl::StatusOr<bool> PlatformClient::HasBundle(const std::string& digest) {
  auto response = transport_.Send(NewRequest("HEAD", "/system/bundles/" + digest));
  if (!response.ok()) return Explain(response.status());
  if (response->status == 200) return true;
  if (response->status == 404) return false;
  return ErrorOf(*response);
}

absl::Status PlatformClient::PutBundle(const std::string& digest, const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st {};
  if (!fd.valid() || ::fstat(fd.get(), &st) != 0) return NotFound(Cat("cannot read ", file));
  HttpRequest request = NewRequest("PUT", "/system/bundles/" + digest);
  request.headers.emplace_back("Content-Type", "application/gzip");
  request.length = static_cast<uint64_t>(st.st_size);
  request.timeout = std::chrono::minutes(5);  // it is unpacked before the answer comes
  request.body_source = [&fd](std::span<char> out) -> absl::StatusOr<size_t> {
    const ssize_t n = ::read(fd.get(), out.data(), out.size());
    if (n < 0) return Internal("cannot read the bundle");
    return static_cast<size_t>(n);
  };
  std::string body;
  StreamSink sink;
  sink.on_data = [&](std::string_view piece) {
    body += piece;
    return body.size() < (1u << 20);
  };
  auto response = transport_.Stream(request, sink);
  if (!response.ok()) return Explain(response.status());
  response->body = std::move(body);
  return response->status < 300 ? absl::OkStatus() : ErrorOf(*response);
}

absl::StatusOr<json> PlatformClient::Runtimes() { return Call("GET", "/system/runtimes", nullptr); }

absl::StatusOr<json> PlatformClient::Info() { return Call("GET", "/system/info", nullptr); }

absl::Status PlatformClient::Follow(std::string_view path,
                                    const std::function<bool(std::string_view)>& on_data) {
  HttpRequest request = NewRequest("GET", path);
  request.timeout = Duration{};
  int status = 0;
  HttpResponse failed;
  StreamSink sink;
  sink.on_head = [&](const HttpResponse& head) { status = head.status; };
  sink.on_data = [&](std::string_view piece) {
    if (status < 300) return on_data(piece);
    failed.body += piece;
    return failed.body.size() < (1u << 20);
  };
  auto response = transport_.Stream(request, sink);
  if (!response.ok()) return Explain(response.status());
  if (response->status < 300) return absl::OkStatus();
  response->body = std::move(failed.body);
  return ErrorOf(*response);
}

}  // namespace hearth::cli
