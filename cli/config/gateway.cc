#include "cli/config/gateway.h"

#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

std::string WithoutSlash(std::string_view url) {
  url = Trim(url);
  while (url.ends_with('/') && !url.ends_with("://")) url.remove_suffix(1);
  return std::string(url);
}

std::string Canonical(const std::string& url) {
  std::string text = ToLower(WithoutSlash(url));
  const size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  if (text.compare(scheme + 3, 9, "localhost") == 0) text.replace(scheme + 3, 9, "127.0.0.1");
  return text;
}

absl::StatusOr<nlohmann::json> ParseSaved(const std::string& file) {
  if (Trim(file).empty()) return nlohmann::json{{"gateways", nlohmann::json::object()}};
  auto json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object() || !json.contains("gateways") || !json["gateways"].is_object()) {
    return FailedPrecondition(
        "the file of saved credentials is damaged; remove it and run \"hearth login\" again");
  }
  return json;
}

}  // namespace

absl::StatusOr<GatewayChoice> ChooseGateway(const std::string& flag, const std::string& stack,
                                            const std::optional<std::string>& endpoint_file,
                                            const Environment& environment) {
  GatewayChoice choice{kDefaultGateway, "the default"};
  const auto variable = [&](const char* name) { return environment(name).value_or(""); };
  if (!flag.empty()) {
    choice = {flag, "--gateway"};
  } else if (!stack.empty() && !SameGateway(stack, kDefaultGateway)) {
    choice = {stack, "provider.gateway of the stack"};
  } else if (!variable("HEARTH_URL").empty()) {
    choice = {variable("HEARTH_URL"), "HEARTH_URL"};
  } else if (!variable("OPENFAAS_URL").empty()) {
    choice = {variable("OPENFAAS_URL"), "OPENFAAS_URL"};
  } else if (endpoint_file && !Trim(*endpoint_file).empty()) {
    choice = {std::string(Trim(*endpoint_file)), "the running platform's data folder"};
  }
  choice.url = WithoutSlash(choice.url);
  if (choice.url.find("://") == std::string::npos) choice.url = "http://" + choice.url;
  const std::string lower = ToLower(choice.url);
  const bool web = lower.starts_with("http://") || lower.starts_with("https://");
  if (!web || lower.find("://") + 3 >= lower.size()) {
    return InvalidArgument(Cat("\"", choice.url, "\" (from ", choice.from,
                               ") is not a gateway's URL; write http://HOST:PORT"));
  }
  return choice;
}

bool SameGateway(const std::string& a, const std::string& b) {
  return Canonical(a) == Canonical(b);
}

absl::StatusOr<Credentials> FindSaved(const std::string& file, const std::string& gateway) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseSaved(file));
  for (const auto& [url, entry] : json["gateways"].items()) {
    if (SameGateway(url, gateway) && entry.is_object()) {
      return Credentials{entry.value("user", ""), entry.value("password", "")};
    }
  }
  return Credentials{};
}

absl::StatusOr<std::string> WithSaved(const std::string& file, const std::string& gateway,
                                      const Credentials& credentials) {
  ASSIGN_OR_RETURN(const std::string others, WithoutSaved(file, gateway));
  ASSIGN_OR_RETURN(nlohmann::json json, ParseSaved(others));
  json["gateways"][WithoutSlash(gateway)] = {{"user", credentials.user},
                                             {"password", credentials.password}};
  return json.dump(2) + "\n";
}

absl::StatusOr<std::string> WithoutSaved(const std::string& file, const std::string& gateway) {
  ASSIGN_OR_RETURN(nlohmann::json json, ParseSaved(file));
  auto& gateways = json["gateways"];
  for (auto it = gateways.begin(); it != gateways.end();) {
    it = SameGateway(it.key(), gateway) ? gateways.erase(it) : std::next(it);
  }
  return json.dump(2) + "\n";
}

absl::StatusOr<Credentials> ParseCredentials(const std::string& text) {
  const std::string_view line = Trim(text);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == line.size()) {
    return FailedPrecondition("is not \"user:password\"");
  }
  return Credentials{std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))};
}

absl::StatusOr<Credentials> ChooseCredentials(const std::string& gateway,
                                              const CredentialSources& sources,
                                              const Environment& environment) {
  if (!sources.flags.password.empty()) {
    Credentials given = sources.flags;
    if (given.user.empty()) given.user = "admin";
    return given;
  }
  if (const auto password = environment("HEARTH_PASSWORD"); password && !password->empty()) {
    const auto user = environment("HEARTH_USER");
    return Credentials{user && !user->empty() ? *user : "admin", *password};
  }
  ASSIGN_OR_RETURN(Credentials saved, FindSaved(sources.saved, gateway));
  if (!saved.empty()) return saved;
  if (sources.endpoint_file && sources.local && SameGateway(*sources.endpoint_file, gateway)) {
    return ParseCredentials(*sources.local);
  }
  return Credentials{};
}

}  // namespace hearth::cli
