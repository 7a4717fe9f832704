#include "gateway/auth/credentials.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <algorithm>

#include "core/base/absl_compat.h"

namespace hearth::auth {
namespace {

TEST_CASE("An Authorization field is Basic, Bearer or nothing") {
  struct Case {
    const char* name;
    const char* value;
    bool present;
    const char* user;  // nullptr: names none
    const char* secret;
  };
  const Case cases[] = {
      {"basic", "Basic YWRtaW46c2VjcmV0", true, "admin", "secret"},
      {"basic, lower case, spaces", "basic   YWRtaW46c2VjcmV0  ", true, "admin", "secret"},
      {"basic, colon in the password", "Basic YTpiOmM=", true, "a", "b:c"},
      {"basic, padding left out", "Basic YTpiOmM", true, "a", "b:c"},
      {"bearer", "Bearer secret", true, nullptr, "secret"},
      {"bearer without a token", "Bearer ", false, nullptr, ""},
      {"bearer without a space", "Bearer", false, nullptr, ""},
      {"empty", "", false, nullptr, ""},
      {"not base64", "Basic !!!!", false, nullptr, ""},
      {"no colon inside", "Basic YWRtaW4=", false, nullptr, ""},
      {"one digit too many", "Basic YTpiO", false, nullptr, ""},
      {"another scheme", "Digest YWRtaW46c2VjcmV0", false, nullptr, ""},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const auto got = ParseAuthorization(c.value);
      REQUIRE(got.has_value() == c.present);
      if (!c.present) return;
      CHECK(got->user.has_value() == (c.user != nullptr));
      if (c.user != nullptr) CHECK(*got->user == c.user);
      CHECK(got->secret == c.secret);
    }
  }
}

TEST_CASE("Credentials accept their own and nothing else") {
  const auto set = CredentialSet::Parse("# the platform's\nadmin:secret\n\nops:o:p:s\r\n");
  REQUIRE(set.ok());
  CHECK(set->size() == 2);
  CHECK(set->Accepts("Basic YWRtaW46c2VjcmV0"));
  CHECK(set->Accepts("Bearer secret"));
  CHECK(set->Accepts("Bearer o:p:s"));
  CHECK(set->Accepts("Basic b3BzOm86cDpz"));            // ops:o:p:s
  CHECK_FALSE(set->Accepts("Basic b3BzOnNlY3JldA=="));  // ops:secret
  CHECK_FALSE(set->Accepts("Bearer Secret"));
  CHECK_FALSE(set->Accepts("Bearer "));
  CHECK_FALSE(set->Accepts(""));
  CHECK_FALSE(CredentialSet().Accepts("Bearer x"));
}

TEST_CASE("A wrong credentials file says which line") {
  const auto no_colon = CredentialSet::Parse("admin:ok\nnonsense\n");
  REQUIRE_FALSE(no_colon.ok());
  CHECK_THAT(std::string(Message(no_colon.status())), Catch::Contains("line 2"));
  const auto empty_password = CredentialSet::Parse("admin:\n");
  REQUIRE_FALSE(empty_password.ok());
  CHECK_THAT(std::string(Message(empty_password.status())), Catch::Contains("\"admin\" is empty"));
  CHECK_FALSE(CredentialSet::Parse("").ok());
  CHECK_FALSE(CredentialSet::Parse("# none\n").ok());
}

TEST_CASE("Constant-time comparison is equality") {
  rc::prop("for any two strings", [](const std::string& a, const std::string& b) {
    RC_ASSERT(ConstantTimeEquals(a, b) == (a == b));
    RC_ASSERT(ConstantTimeEquals(a, a));
    RC_ASSERT(ConstantTimeEquals(a, a + b) == b.empty());
  });
  CHECK_FALSE(ConstantTimeEquals(std::string_view("\0", 1), ""));
}

}  // namespace
}  // namespace hearth::auth
