#include "gateway/auth/credentials.h"

#include "core/base/absl_compat.h"
#include "core/base/base64.h"
#include "core/base/strings.h"

namespace hearth::auth {
std::optional<Presented> ParseAuthorization(std::string_view value) {
  value = Trim(value);
  const size_t space = value.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = value.substr(0, space);
  const std::string_view rest = Trim(value.substr(space + 1));
  if (rest.empty()) return std::nullopt;
  if (EqualsIgnoreAsciiCase(scheme, "Bearer")) {
    return Presented{std::nullopt, std::string(rest)};
  }
  if (!EqualsIgnoreAsciiCase(scheme, "Basic")) return std::nullopt;
  const std::optional<std::string> decoded = Base64Decode(rest);
  if (!decoded) return std::nullopt;
  const size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Presented{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

absl::StatusOr<CredentialSet> CredentialSet::Parse(std::string_view text) {
  std::vector<Credential> credentials;
  int line_number = 0;
  for (const std::string_view raw : Split(text, '\n')) {
    ++line_number;
    const std::string_view line = Trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return InvalidArgument(Cat("line ", line_number, ": not of the form user:password"));
    }
    if (colon + 1 == line.size()) {
      return InvalidArgument(Cat("line ", line_number, ": the password of \"",
                                 line.substr(0, colon), "\" is empty; give it one"));
    }
    credentials.push_back(
        {std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))});
  }
  if (credentials.empty()) {
    return InvalidArgument("holds no credentials; add a line user:password");
  }
  return CredentialSet(std::move(credentials));
}

bool ConstantTimeEquals(std::string_view presented, std::string_view expected) {
  // An empty expectation is compared with a byte that no text has in that place.
  static constexpr std::string_view kNothing("\0", 1);
  const std::string_view against = expected.empty() ? kNothing : expected;
  unsigned difference = presented.size() == expected.size() ? 0u : 1u;
  size_t j = 0;
  for (const char c : presented) {
    difference |= static_cast<unsigned char>(c) ^ static_cast<unsigned char>(against[j]);
    j = j + 1 == against.size() ? 0 : j + 1;
  }
  volatile unsigned result = difference;
  return result == 0;
}

CredentialSet::CredentialSet(std::vector<Credential> credentials)
    : credentials_(std::move(credentials)) {
  for (Credential& c : credentials_) c.basic = Base64Encode(Cat(c.user, ":", c.password));
}

bool CredentialSet::Accepts(std::string_view authorization) const {
  if (AcceptsEncoded(authorization)) return true;
  // Bearer, and ways to write base64 that are not the usual one.
  const std::optional<Presented> presented = ParseAuthorization(authorization);
  if (!presented) return false;
  unsigned accepted = 0;
  for (const Credential& credential : credentials_) {
    const bool user = !presented->user || ConstantTimeEquals(*presented->user, credential.user);
    const bool secret = ConstantTimeEquals(presented->secret, credential.password);
    accepted |= static_cast<unsigned>(user) & static_cast<unsigned>(secret);
  }
  return accepted != 0;
}

bool CredentialSet::AcceptsEncoded(std::string_view authorization) const {
  constexpr std::string_view kBasic = "Basic ";
  if (!authorization.starts_with(kBasic)) return false;
  unsigned accepted = 0;
  for (const Credential& credential : credentials_) {
    accepted |= static_cast<unsigned>(
        ConstantTimeEquals(authorization.substr(kBasic.size()), credential.basic));
  }
  return accepted != 0;
}

}  // namespace hearth::auth
