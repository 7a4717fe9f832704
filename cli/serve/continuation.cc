#include "cli/serve/continuation.h"

#include <limits>
#include <optional>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

std::optional<int> Number(std::string_view text) {
  const auto value = ParseUint(text);
  if (!value || *value > static_cast<uint64_t>(std::numeric_limits<int>::max())) {
    return std::nullopt;
  }
  return static_cast<int>(*value);
}

}  // namespace

std::string Continuation::Format() const {
  std::string text = Cat("lock=", lock, " gateway=", gateway, " controller=", controller);
  for (const pid_t pid : leaving) text += Cat(" leaving=", pid);
  return text;
}

absl::StatusOr<Continuation> Continuation::Parse(std::string_view text) {
  Continuation result;
  for (const std::string_view field : SplitFields(text)) {
    const size_t equals = field.find('=');
    const auto value =
        equals == std::string_view::npos ? std::nullopt : Number(field.substr(equals + 1));
    const std::string_view name = field.substr(0, equals);
    if (!value) return InvalidArgument(Cat(kVariable, ": \"", field, "\" is not NAME=NUMBER"));
    if (name == "lock") {
      result.lock = *value;
    } else if (name == "gateway") {
      result.gateway = *value;
    } else if (name == "controller") {
      result.controller = *value;
    } else if (name == "leaving") {
      result.leaving.push_back(*value);
    }  // of a newer serve
  }
  if (result.lock < 0 || result.gateway <= 0 || result.controller <= 0) {
    return InvalidArgument(Cat(kVariable, " is not for you to set; remove it"));
  }
  return result;
}

}  // namespace hearth::cli
