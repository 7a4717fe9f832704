#include "core/base/settings.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/version.h"

namespace hearth {
namespace {

std::string EnvironmentNameOf(std::string_view name) {
  std::string out = "HEARTH_";
  for (const char c : name) {
    out.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  }
  return out;
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  for (std::string_view yes : {"true", "yes", "on", "1"}) {
    if (EqualsIgnoreAsciiCase(text, yes)) return true;
  }
  for (std::string_view no : {"false", "no", "off", "0"}) {
    if (EqualsIgnoreAsciiCase(text, no)) return false;
  }
  return InvalidArgument("write true or false");
}

std::string ShowDouble(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", v);
  return text;
}

// "key: value" or "key = value"; nothing for a blank line or a comment.
absl::StatusOr<std::optional<std::pair<std::string, std::string>>> ParseLine(
    std::string_view line) {
  line = Trim(line);
  if (line.empty() || line.front() == '#' || line == "---") return std::nullopt;
  const size_t at = line.find_first_of(":=");
  if (at == std::string_view::npos) return InvalidArgument("write \"name: value\"");
  std::string_view value = Trim(line.substr(at + 1));
  if (const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                          value.back() == value.front();
      quoted) {
    value = value.substr(1, value.size() - 2);
  } else if (const size_t comment = value.find(" #"); comment != std::string_view::npos) {
    value = Trim(value.substr(0, comment));
  }
  return std::make_pair(std::string(Trim(line.substr(0, at))), std::string(value));
}

std::optional<std::string> ProcessEnvironment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

Settings::Settings(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {
  Add(&config_path_, {.name = "config",
                      .help = "File with settings, one \"name: value\" a line",
                      .env = {},
                      .value_name = "FILE",
                      .check = {}});
}

void Settings::Declare(SettingInfo info, std::string type,
                       std::function<absl::Status(std::string_view)> parse,
                       std::function<std::string()> show) {
  if (info.env.empty()) info.env = EnvironmentNameOf(info.name);
  Setting setting;
  setting.type = info.value_name.empty() ? std::move(type) : info.value_name;
  setting.info = std::move(info);
  setting.parse = std::move(parse);
  setting.show = std::move(show);
  setting.default_text = setting.show();
  settings_.push_back(std::move(setting));
}

void Settings::Add(std::string* value, SettingInfo info) {
  Declare(
      std::move(info), "TEXT",
      [value](std::string_view text) {
        *value = text;
        return absl::OkStatus();
      },
      [value] { return *value; });
}

void Settings::Add(bool* value, SettingInfo info) {
  Declare(
      std::move(info), "",
      [value](std::string_view text) -> absl::Status {
        ASSIGN_OR_RETURN(*value, ParseBool(text));
        return absl::OkStatus();
      },
      [value] { return std::string(*value ? "true" : "false"); });
  settings_.back().is_bool = true;
}

void Settings::Add(int64_t* value, SettingInfo info) {
  Declare(
      std::move(info), "NUMBER",
      [value](std::string_view text) -> absl::Status {
        const auto number = ParseInt(text);
        if (!number) return InvalidArgument("write a whole number");
        *value = *number;
        return absl::OkStatus();
      },
      [value] { return Cat(*value); });
}

namespace {
template <typename T>
absl::Status StoreUnsigned(std::string_view text, T* value) {
  const auto number = ParseUint(text);
  if (!number || *number > std::numeric_limits<T>::max()) {
    return InvalidArgument(Cat("write a whole number from 0 to ", std::numeric_limits<T>::max()));
  }
  *value = static_cast<T>(*number);
  return absl::OkStatus();
}
}  // namespace

void Settings::Add(uint64_t* value, SettingInfo info) {
  Declare(
      std::move(info), "NUMBER", [value](std::string_view t) { return StoreUnsigned(t, value); },
      [value] { return Cat(*value); });
}

void Settings::Add(uint32_t* value, SettingInfo info) {
  Declare(
      std::move(info), "NUMBER", [value](std::string_view t) { return StoreUnsigned(t, value); },
      [value] { return Cat(*value); });
}

void Settings::Add(uint16_t* value, SettingInfo info) {
  Declare(
      std::move(info), "NUMBER", [value](std::string_view t) { return StoreUnsigned(t, value); },
      [value] { return Cat(*value); });
}

void Settings::Add(double* value, SettingInfo info) {
  Declare(
      std::move(info), "NUMBER",
      [value](std::string_view text) -> absl::Status {
        const auto number = ParseDouble(text);
        if (!number) return InvalidArgument("write a number");
        *value = *number;
        return absl::OkStatus();
      },
      [value] { return ShowDouble(*value); });
}

void Settings::Add(Duration* value, SettingInfo info) {
  Declare(
      std::move(info), "DURATION",
      [value](std::string_view text) -> absl::Status {
        ASSIGN_OR_RETURN(*value, ParseDuration(text));
        return absl::OkStatus();
      },
      [value] { return FormatDuration(*value); });
}

void Settings::Add(std::vector<std::string>* value, SettingInfo info) {
  Declare(
      std::move(info), "LIST",
      [value](std::string_view text) {
        for (const std::string_view part : Split(text, ',')) {
          if (!Trim(part).empty()) value->emplace_back(Trim(part));
        }
        return absl::OkStatus();
      },
      [value] { return Join(*value, ","); });
  settings_.back().is_list = true;
  // A value from a stronger place replaces the list; a repeated flag adds to it.
  Setting& setting = settings_.back();
  setting.parse = [value, append = setting.parse](std::string_view text) {
    if (text.starts_with('\0')) {
      value->clear();
      text.remove_prefix(1);
    }
    return append(text);
  };
}

void Settings::AddBytes(uint64_t* value, SettingInfo info) {
  Declare(
      std::move(info), "SIZE",
      [value](std::string_view text) -> absl::Status {
        ASSIGN_OR_RETURN(*value, ParseBytes(text));
        return absl::OkStatus();
      },
      [value] { return FormatBytes(*value); });
}

void Settings::AllowArguments(std::string usage) { arguments_usage_ = std::move(usage); }

Settings::Setting* Settings::Find(std::string_view name) {
  for (Setting& setting : settings_) {
    if (setting.info.name == name) return &setting;
  }
  return nullptr;
}

std::vector<std::string> Settings::Names() const {
  std::vector<std::string> names;
  for (const Setting& setting : settings_) names.push_back(setting.info.name);
  return names;
}

std::string Settings::Shown(const Setting& setting, const std::string& text) const {
  return setting.info.secret && !text.empty() ? "********" : text;
}

absl::Status Settings::Assign(Setting& setting, std::string_view text, Origin origin,
                              std::string_view where) {
  absl::Status status = absl::OkStatus();
  if (setting.info.check) status = setting.info.check(text);
  if (status.ok()) {
    const bool replaces = setting.is_list && setting.origin != origin;
    std::string value = replaces ? std::string(1, '\0') : std::string();
    value.append(text);
    status = setting.parse(value);
  }
  if (!status.ok()) {
    return InvalidArgument(
        Cat(where, ": bad value \"", Shown(setting, std::string(text)),
            "\": ", setting.info.secret ? "see its description in --help" : Message(status)));
  }
  setting.origin = origin;
  return absl::OkStatus();
}

absl::StatusOr<Settings::Action> Settings::Load(const std::vector<std::string>& args,
                                                const Environment& environment) {
  // The file is weaker than the environment and flags, but they say which file: its name first.
  for (size_t i = 0; i < args.size() && args[i] != "--"; ++i) {
    if (args[i] == "--help" || args[i] == "-h") return Action::kHelp;
    if (args[i] == "--version") return Action::kVersion;
    if (args[i] == "--config" && i + 1 < args.size()) config_path_ = args[i + 1];
    if (args[i].starts_with("--config=")) config_path_ = args[i].substr(9);
  }
  if (config_path_.empty()) config_path_ = environment("HEARTH_CONFIG").value_or("");
  if (!config_path_.empty()) RETURN_IF_ERROR(LoadFile(config_path_));
  RETURN_IF_ERROR(LoadEnvironment(environment));
  return LoadFlags(args);
}

absl::Status Settings::LoadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return NotFound(Cat("--config: cannot read ", path));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string where = Cat(path, ":", number);
    const auto parsed = ParseLine(line);
    if (!parsed.ok()) return InvalidArgument(Cat(where, ": ", Message(parsed.status())));
    if (!parsed->has_value()) continue;
    std::string name = (*parsed)->first;
    std::replace(name.begin(), name.end(), '_', '-');
    Setting* setting = Find(name);
    if (setting == nullptr || name == "config") {
      return InvalidArgument(
          Cat(where, ": unknown setting \"", name, "\"", Suggestion(name, Names())));
    }
    RETURN_IF_ERROR(Assign(*setting, (*parsed)->second, Origin::kFile, Cat(where, ": ", name)));
  }
  return absl::OkStatus();
}

absl::Status Settings::LoadEnvironment(const Environment& environment) {
  for (Setting& setting : settings_) {
    const auto value = environment(setting.info.env);
    if (value) RETURN_IF_ERROR(Assign(setting, *value, Origin::kEnvironment, setting.info.env));
  }
  return absl::OkStatus();
}

absl::StatusOr<Settings::Action> Settings::LoadFlags(const std::vector<std::string>& args) {
  bool only_arguments = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (!only_arguments && arg == "--") {
      only_arguments = true;
    } else if (!only_arguments && arg.size() > 1 && arg.front() == '-') {
      RETURN_IF_ERROR(LoadFlag(args, &i));
    } else if (arguments_usage_) {
      arguments_.push_back(arg);
    } else {
      return InvalidArgument(
          Cat("unexpected argument \"", arg, "\"; ", program_, " takes flags only (see --help)"));
    }
  }
  return Action::kRun;
}

absl::Status Settings::LoadFlag(const std::vector<std::string>& args, size_t* i) {
  std::string_view name = args[*i];
  name.remove_prefix(name.starts_with("--") ? 2 : 1);
  std::optional<std::string> value;
  if (const size_t equals = name.find('='); equals != std::string_view::npos) {
    value = name.substr(equals + 1);
    name = name.substr(0, equals);
  }
  Setting* setting = Find(name);
  if (setting == nullptr && name.starts_with("no-") && !value) {
    Setting* positive = Find(name.substr(3));
    if (positive != nullptr && positive->is_bool) {
      setting = positive;
      value = "false";
    }
  }
  if (setting == nullptr) {
    std::vector<std::string> names = Names();
    names.insert(names.end(), {"help", "version"});
    return InvalidArgument(
        Cat("unknown flag --", name, Suggestion(name, names), "; see --help for all of them"));
  }
  if (!value && setting->is_bool) value = "true";
  if (!value) {
    if (*i + 1 >= args.size()) {
      return InvalidArgument(Cat("--", name, " needs a value: --", name, " ", setting->type));
    }
    value = args[++*i];
  }
  return Assign(*setting, *value, Origin::kFlag, Cat("--", setting->info.name));
}

std::optional<int> Settings::LoadOrExitCode(int argc, char** argv) {
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto action = Load(args, ProcessEnvironment);
  if (!action.ok()) {
    std::fprintf(stderr, "%s: %s\n", program_.c_str(),
                 std::string(Message(action.status())).c_str());
    return 2;
  }
  switch (*action) {
    case Action::kRun:
      return std::nullopt;
    case Action::kHelp:
      std::fputs(HelpText().c_str(), stdout);
      return 0;
    case Action::kVersion:
      std::fputs(Cat(program_, " ", Version(), "\n").c_str(), stdout);
      return 0;
  }
  return 2;
}

std::string Settings::HelpText() const {
  std::string out = Cat(summary_, "\n\nUsage: ", program_, " [FLAGS]");
  if (arguments_usage_) out += Cat(" ", *arguments_usage_);
  out +=
      "\n\nEvery setting is a flag, an environment variable or a line in --config's file, in this "
      "order.\n\n";
  size_t width = 0;
  const auto flag = [](const Setting& s) {
    return s.is_bool ? Cat("--", s.info.name) : Cat("--", s.info.name, " ", s.type);
  };
  for (const Setting& s : settings_) width = std::max(width, flag(s).size());
  const auto row = [&](std::string left, std::string_view right) {
    out += Cat("  ", Padded(std::move(left), width + 2), right, "\n");
  };
  for (const Setting& s : settings_) {
    std::string right = s.info.help;
    if (!s.default_text.empty()) right += Cat(" (default ", Shown(s, s.default_text), ")");
    row(flag(s), Cat(right, " [", s.info.env, "]"));
  }
  row("--help", "Show this text");
  row("--version", "Show the version");
  return out;
}

std::vector<std::string> Settings::Effective() const {
  static constexpr std::string_view kOrigins[] = {"default", "file", "environment", "flag"};
  std::vector<std::string> lines;
  for (const Setting& s : settings_) {
    lines.push_back(Cat(s.info.name, " = ", Shown(s, s.show()), " (",
                        kOrigins[static_cast<size_t>(s.origin)], ")"));
  }
  return lines;
}

std::string Settings::Markdown() const {
  const auto cell = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '|') out.push_back('\\');
      out.push_back(c);
    }
    return out;
  };
  std::string out = "| flag | environment | default | meaning |\n|---|---|---|---|\n";
  for (const Setting& s : settings_) {
    const std::string shown = Shown(s, s.default_text);
    out += Cat("| `--", s.info.name, s.type.empty() ? "" : " ", cell(s.type), "` | `", s.info.env,
               "` | ", shown.empty() ? "" : Cat("`", cell(shown), "`"), " | ", cell(s.info.help),
               " |\n");
  }
  return out;
}

}  // namespace hearth
