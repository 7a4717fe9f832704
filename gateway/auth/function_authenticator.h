#pragma once

#include "gateway/auth/credential_file.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::auth {

// The realm that clients of the management API and of private functions are asked for.
inline constexpr std::string_view kChallenge = "Basic realm=\"Restricted\"";

// Lets callers with the platform's credentials into private functions. Called on the loops; owned
// by the application. Without a credentials file nobody is let in.
class FunctionAuthenticator final : public proxy::Authenticator {
 public:
  explicit FunctionAuthenticator(const CredentialFile* credentials) : credentials_(credentials) {}

  proxy::AuthDecision Authorize(const http::RequestHead& request, const route::Function& function,
                                const proxy::RequestContext& context) override;

 private:
  const CredentialFile* const credentials_;  // may be null
};

}  // namespace hearth::auth
