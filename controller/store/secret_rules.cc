#include "controller/store/secret_rules.h"

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsSubdomain(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  if (!IsAlnum(name.front()) || !IsAlnum(name.back())) return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '.'; });
}

}  // namespace

absl::Status CheckSecretName(std::string_view ns, std::string_view name) {
  if (!IsSubdomain(ns) || ns.find('.') != std::string_view::npos || ns.size() > 63) {
    return InvalidArgument(Cat("namespace \"", ns,
                               "\" is not a valid name: use lower-case "
                               "letters, digits and \"-\""));
  }
  if (!IsSubdomain(name)) {
    return InvalidArgument(Cat("secret name \"", name,
                               "\" is not valid: use lower-case letters, "
                               "digits, \"-\" and \".\", at most 253, beginning and ending with "
                               "a letter or digit"));
  }
  return absl::OkStatus();
}

absl::Status CheckSecretValue(std::string_view name, std::string_view value) {
  if (value.size() > kMaxSecretBytes) {
    return InvalidArgument(Cat("the value of secret \"", name, "\" has ", value.size(),
                               " bytes; at most ", kMaxSecretBytes, " are allowed"));
  }
  return absl::OkStatus();
}

absl::Status SecretNotFound(std::string_view ns, std::string_view name) {
  return NotFound(Cat("there is no secret \"", name, "\" in namespace \"", ns, "\""));
}

absl::Status SecretExists(std::string_view ns, std::string_view name) {
  return AlreadyExists(
      Cat("secret \"", name, "\" exists in namespace \"", ns, "\" already; update it instead"));
}

}  // namespace hearth::controller
