#include "gateway/auth/function_authenticator.h"

#include "core/base/strings.h"

namespace hearth::auth {

proxy::AuthDecision FunctionAuthenticator::Authorize(const http::RequestHead& request,
                                                     const route::Function& function,
                                                     const proxy::RequestContext& /*context*/) {
  proxy::AuthDecision decision;
  if (credentials_ == nullptr) {
    decision.status = 403;
    decision.message =
        Cat("function ", function.key.Text(),
            " is private, and this gateway has no credentials to check callers against; start it "
            "with --auth-file");
    return decision;
  }
  decision.allowed =
      credentials_->Accepts(request.headers.Find("Authorization").value_or(std::string_view()));
  if (!decision.allowed) {
    decision.www_authenticate = kChallenge;
    decision.message = Cat("function ", function.key.Text(),
                           " is private: send the platform's credentials (Authorization: Basic)");
  }
  return decision;
}

}  // namespace hearth::auth
