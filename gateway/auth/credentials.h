#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::auth {

struct Credential {
  std::string user;
  std::string password;
  std::string basic = {};  // both as "Authorization: Basic" carries them; CredentialSet makes it
};

// What a caller presents in an Authorization field. A bearer token names no user: it is the
// password of any of them.
struct Presented {
  std::optional<std::string> user;
  std::string secret;
};

// "Basic <base64 of user:password>" or "Bearer <password>". Nothing for another scheme, for text
// that is not base64, and for an empty token: clients without a login send "Bearer " and nothing
// after it.
std::optional<Presented> ParseAuthorization(std::string_view value);

// The credentials of the platform: who may use the management API and call private functions.
// Immutable, so that loops share one without a lock.
class CredentialSet {
 public:
  CredentialSet() = default;
  explicit CredentialSet(std::vector<Credential> credentials);

  // Lines of "user:password"; empty lines and those that begin with "#" are skipped. The password
  // may hold colons. At least one credential is needed.
  static absl::StatusOr<CredentialSet> Parse(std::string_view text);

  // `authorization` is the field's value, empty where there was none. Every credential is compared
  // in full, whatever the outcome of the others. Allocates nothing where the caller is let in.
  bool Accepts(std::string_view authorization) const;

  bool empty() const { return credentials_.empty(); }
  size_t size() const { return credentials_.size(); }

 private:
  bool AcceptsEncoded(std::string_view authorization) const;

  std::vector<Credential> credentials_;
};

// Takes a time that depends on the length of `presented` alone.
bool ConstantTimeEquals(std::string_view presented, std::string_view expected);

}  // namespace hearth::auth
