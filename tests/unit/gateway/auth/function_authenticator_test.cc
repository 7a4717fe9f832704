#include "gateway/auth/function_authenticator.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace hearth::auth {
namespace {

TEST_CASE("A private function takes the platform's credentials and nothing else") {
  char path[] = "/tmp/hearth-auth-XXXXXX";
  ::close(::mkstemp(path));
  std::ofstream(path) << "admin:secret\n";
  CredentialFile file(path);
  REQUIRE(file.Refresh().ok());
  FunctionAuthenticator authenticator(&file);
  route::Function function;
  function.key = {"default", "billing"};

  http::RequestHead request;
  const proxy::AuthDecision none = authenticator.Authorize(request, function, {});
  CHECK_FALSE(none.allowed);
  CHECK(none.status == 401);
  CHECK(none.www_authenticate == "Basic realm=\"Restricted\"");
  CHECK_THAT(none.message, Catch::Contains("billing.default"));

  request.headers.Add("authorization", "Bearer ");
  CHECK_FALSE(authenticator.Authorize(request, function, {}).allowed);
  request.headers.Clear();
  request.headers.Add("Authorization", "Basic YWRtaW46c2VjcmV0");
  CHECK(authenticator.Authorize(request, function, {}).allowed);
  std::remove(path);
}

TEST_CASE("Without a credentials file nobody is let in") {
  FunctionAuthenticator authenticator(nullptr);
  http::RequestHead request;
  request.headers.Add("Authorization", "Basic YWRtaW46c2VjcmV0");
  const proxy::AuthDecision decision = authenticator.Authorize(request, {}, {});
  CHECK_FALSE(decision.allowed);
  CHECK(decision.status == 403);
  CHECK_THAT(decision.message, Catch::Contains("--auth-file"));
}

}  // namespace
}  // namespace hearth::auth
