#include "cli/args/flags.h"

#include <absl/strings/cord.h>

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

constexpr const char* kUsagePayload = "hearth/usage";

std::string Shown(const FlagInfo& info) { return "--" + info.name; }

absl::Status Bad(const FlagInfo& info, std::string_view text, std::string_view must) {
  return UsageError(Cat(Shown(info), " ", must, "; got \"", text, "\""));
}

}  // namespace

absl::Status UsageError(std::string_view message) {
  absl::Status status = InvalidArgument(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

void Flags::Declare(FlagInfo info, std::string value_name, std::string default_text,
                    std::function<absl::Status(std::string_view)> parse) {
  if (info.value_name.empty()) info.value_name = std::move(value_name);
  flags_.push_back({std::move(info), false, false, std::move(default_text), std::move(parse)});
}

void Flags::Add(std::string* value, FlagInfo info) {
  Declare(std::move(info), "TEXT", *value, [value](std::string_view text) {
    *value = text;
    return absl::OkStatus();
  });
}

void Flags::Add(std::optional<std::string>* value, FlagInfo info) {
  Declare(std::move(info), "TEXT", "", [value](std::string_view text) {
    *value = std::string(text);
    return absl::OkStatus();
  });
}

void Flags::Add(bool* value, FlagInfo info) {
  Declare(info, "", *value ? "true" : "", [value, info](std::string_view text) {
    if (text == "true" || text == "1") {
      *value = true;
    } else if (text == "false" || text == "0") {
      *value = false;
    } else {
      return Bad(info, text, "is true or false");
    }
    return absl::OkStatus();
  });
  flags_.back().is_bool = true;
}

void Flags::Add(uint32_t* value, FlagInfo info) {
  Declare(info, "N", *value == 0 ? "" : Cat(*value), [value, info](std::string_view text) {
    const auto n = ParseUint(text);
    if (!n || *n > UINT32_MAX) return Bad(info, text, "must be a whole number of 0 or more");
    *value = static_cast<uint32_t>(*n);
    return absl::OkStatus();
  });
}

void Flags::Add(int64_t* value, FlagInfo info) {
  Declare(info, "N", *value == 0 ? "" : Cat(*value), [value, info](std::string_view text) {
    const auto n = ParseInt(text);
    if (!n) return Bad(info, text, "must be a whole number");
    *value = *n;
    return absl::OkStatus();
  });
}

void Flags::Add(Duration* value, FlagInfo info) {
  Declare(info, "DURATION", *value == Duration{} ? "" : FormatDuration(*value),
          [value, info](std::string_view text) {
            auto d = ParseDuration(text);
            if (!d.ok()) return Bad(info, text, "must be a duration such as \"30s\" or \"5m\"");
            *value = *d;
            return absl::OkStatus();
          });
}

void Flags::Add(std::vector<std::string>* value, FlagInfo info) {
  Declare(std::move(info), "TEXT", "", [value](std::string_view text) {
    value->emplace_back(text);
    return absl::OkStatus();
  });
  flags_.back().is_list = true;
}

const Flags::Flag* Flags::Find(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.info.name == name) return &flag;
  }
  return nullptr;
}

const Flags::Flag* Flags::Find(char letter) const {
  for (const Flag& flag : flags_) {
    if (flag.info.letter == letter && letter != 0) return &flag;
  }
  return nullptr;
}

absl::Status Flags::ParseLong(const std::vector<std::string>& args, size_t* at) const {
  const std::string_view arg = std::string_view(args[*at]).substr(2);
  const size_t equals = arg.find('=');
  const std::string_view name = arg.substr(0, equals);
  const Flag* flag = Find(name);
  if (flag == nullptr && name.starts_with("no-")) {
    flag = Find(name.substr(3));
    if (flag != nullptr && flag->is_bool && equals == std::string_view::npos) {
      return flag->parse("false");
    }
    flag = nullptr;
  }
  if (flag == nullptr) {
    std::vector<std::string> names;
    for (const Flag& known : flags_) {
      if (!known.info.hidden) names.push_back("--" + known.info.name);
    }
    return UsageError(Cat("unknown flag --", name, Suggestion(Cat("--", name), names)));
  }
  if (equals != std::string_view::npos) return flag->parse(arg.substr(equals + 1));
  if (flag->is_bool) return flag->parse("true");
  if (*at + 1 >= args.size()) {
    return UsageError(
        Cat(Shown(flag->info), " needs a value: --", name, " ", flag->info.value_name));
  }
  return flag->parse(args[++*at]);
}

absl::Status Flags::ParseLetters(const std::vector<std::string>& args, size_t* at) const {
  const std::string_view letters = std::string_view(args[*at]).substr(1);
  for (size_t i = 0; i < letters.size(); ++i) {
    const Flag* flag = Find(letters[i]);
    if (flag == nullptr) return UsageError(Cat("unknown flag -", letters.substr(i, 1)));
    if (flag->is_bool) {
      RETURN_IF_ERROR(flag->parse("true"));
      continue;
    }
    std::string_view rest = letters.substr(i + 1);
    if (rest.starts_with('=')) rest.remove_prefix(1);
    if (!rest.empty()) return flag->parse(rest);
    if (*at + 1 >= args.size()) {
      return UsageError(Cat("-", letters.substr(i, 1), " needs a value: -", letters.substr(i, 1),
                            " ", flag->info.value_name));
    }
    return flag->parse(args[++*at]);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Flags::Parse(const std::vector<std::string>& args) {
  std::vector<std::string> rest;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "--") {
      rest.insert(rest.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
      break;
    }
    if (arg.starts_with("--")) {
      RETURN_IF_ERROR(ParseLong(args, &i));
    } else if (arg.size() > 1 && arg.front() == '-') {
      RETURN_IF_ERROR(ParseLetters(args, &i));
    } else {
      rest.push_back(arg);
    }
  }
  return rest;
}

std::string Flags::HelpText() const {
  std::vector<std::pair<std::string, std::string>> rows;
  size_t width = 0;
  for (const Flag& flag : flags_) {
    if (flag.info.hidden) continue;
    std::string left = flag.info.letter != 0 ? Cat("  -", flag.info.letter, ", ") : "      ";
    left += "--" + flag.info.name;
    if (!flag.is_bool) left += " " + flag.info.value_name;
    std::string right = flag.info.help;
    if (flag.is_list) right += " (may be repeated)";
    if (!flag.default_text.empty()) right += Cat(" (default ", flag.default_text, ")");
    width = std::max(width, left.size());
    rows.emplace_back(std::move(left), std::move(right));
  }
  std::string out;
  for (const auto& [left, right] : rows) {
    out += Cat(left, std::string(width - left.size() + 2, ' '), right, "\n");
  }
  return out;
}

}  // namespace hearth::cli
