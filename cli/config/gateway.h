#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "cli/config/paths.h"

namespace hearth::cli {

inline constexpr const char* kDefaultGateway = "http://127.0.0.1:8080";

struct GatewayChoice {
  std::string url;   // without a slash at the end
  std::string from;  // "--gateway", "stack.yml", "HEARTH_URL", …: for errors
};

// --gateway, then a stack.yml's provider.gateway, then HEARTH_URL or OPENFAAS_URL, then the
// platform whose data folder is this user's, then the default. A stack that names the default (as
// generated ones do) says nothing, as in faas-cli. InvalidArgument for what is no http(s) URL.
absl::StatusOr<GatewayChoice> ChooseGateway(const std::string& flag, const std::string& stack,
                                            const std::optional<std::string>& endpoint_file,
                                            const Environment& environment);

struct Credentials {
  std::string user;
  std::string password;
  bool empty() const { return user.empty() && password.empty(); }
  bool operator==(const Credentials&) const = default;
};

// What `login` has saved: gateway URL → credentials. The text of the file, JSON.
absl::StatusOr<Credentials> FindSaved(const std::string& file, const std::string& gateway);
absl::StatusOr<std::string> WithSaved(const std::string& file, const std::string& gateway,
                                      const Credentials& credentials);
absl::StatusOr<std::string> WithoutSaved(const std::string& file, const std::string& gateway);

// "user:password" and a line end, as the data folder keeps it.
absl::StatusOr<Credentials> ParseCredentials(const std::string& text);

// Two URLs of one gateway: letter case, a slash at the end and "localhost" make no difference.
bool SameGateway(const std::string& a, const std::string& b);

struct CredentialSources {
  Credentials flags;
  std::string saved;                         // text of the credentials file; "" where there is none
  std::optional<std::string> endpoint_file;  // the local platform's URL
  std::optional<std::string> local;          // and its credentials
};
// Flags, then HEARTH_USER and HEARTH_PASSWORD, then what login saved for this gateway, then the
// local platform's, which are sent to no other gateway. Empty where there are none.
absl::StatusOr<Credentials> ChooseCredentials(const std::string& gateway,
                                              const CredentialSources& sources,
                                              const Environment& environment);

}  // namespace hearth::cli
