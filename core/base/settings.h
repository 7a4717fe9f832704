#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace hearth {

// What a setting says about itself.
struct SettingInfo {
  std::string name;             // "queue-max-wait": the flag and the key in a file
  std::string help;             // one sentence, without a full stop at the end
  std::string env = {};         // empty: HEARTH_ and the name in capitals
  bool secret = false;          // masked wherever it is shown
  std::string value_name = {};  // "DURATION" in --help; empty: by type
  // Called with the text before it is taken; says what is wrong with it and what to do.
  std::function<absl::Status(std::string_view)> check = {};
};

// A program's configuration, declared once: from the declarations come flags, environment, file,
// --help, the list of effective values and the page in the documentation. Values come from, in this
// order, `--name value` or `--name=value`, the environment, the file named by --config, and what
// the variable held when it was declared. Used in main only; values are copied from there.
//
//   GatewayOptions o;
//   Settings settings("hearth-gateway", "Routes requests to functions.");
//   settings.Add(&o.listen, {.name = "listen", .help = "Address for clients"});
//   if (auto code = settings.LoadOrExitCode(argc, argv)) return *code;
class Settings {
 public:
  using Environment = std::function<std::optional<std::string>(std::string_view)>;
  enum class Action : uint8_t { kRun, kHelp, kVersion };

  Settings(std::string program, std::string summary);

  // The variable must outlive Load. Durations take Go's notation; a vector is separated by commas,
  // and its flag may be repeated; a bool's flag needs no value (--name, --no-name).
  void Add(std::string* value, SettingInfo info);
  void Add(bool* value, SettingInfo info);
  void Add(int64_t* value, SettingInfo info);
  void Add(uint64_t* value, SettingInfo info);
  void Add(uint32_t* value, SettingInfo info);
  void Add(uint16_t* value, SettingInfo info);
  void Add(double* value, SettingInfo info);
  void Add(Duration* value, SettingInfo info);
  void Add(std::vector<std::string>* value, SettingInfo info);
  void AddBytes(uint64_t* value, SettingInfo info);  // "64Mi"

  // Arguments that are not flags: `usage` such as "[FUNCTION]" for --help. Without this call they
  // are errors.
  void AllowArguments(std::string usage);
  const std::vector<std::string>& arguments() const { return arguments_; }

  // Reads everything; the first error names the setting, where its value came from, and the remedy.
  absl::StatusOr<Action> Load(const std::vector<std::string>& args, const Environment& environment);
  // For main: Load with the process's environment; prints help, version or the error. A value: exit
  // with it.
  std::optional<int> LoadOrExitCode(int argc, char** argv);

  std::string HelpText() const;
  // "listen = 127.0.0.1:8080 (flag)" a line, secrets masked.
  std::vector<std::string> Effective() const;
  std::string Markdown() const;  // a table: flag, environment, default, meaning

 private:
  enum class Origin : uint8_t { kDefault, kFile, kEnvironment, kFlag };
  struct Setting {
    SettingInfo info;
    std::string type;  // value_name by type
    std::string default_text;
    bool is_bool = false;
    bool is_list = false;
    Origin origin = Origin::kDefault;
    std::function<absl::Status(std::string_view)> parse;
    std::function<std::string()> show;
  };
  void Declare(SettingInfo info, std::string type,
               std::function<absl::Status(std::string_view)> parse,
               std::function<std::string()> show);
  Setting* Find(std::string_view name);
  std::vector<std::string> Names() const;
  absl::Status Assign(Setting& setting, std::string_view text, Origin origin,
                      std::string_view where);
  absl::StatusOr<Action> LoadFlags(const std::vector<std::string>& args);
  absl::Status LoadFlag(const std::vector<std::string>& args, size_t* i);
  absl::Status LoadFile(const std::string& path);
  absl::Status LoadEnvironment(const Environment& environment);
  std::string Shown(const Setting& setting, const std::string& text) const;

  std::string program_;
  std::string summary_;
  std::string config_path_;
  std::optional<std::string> arguments_usage_;
  std::vector<std::string> arguments_;
  std::vector<Setting> settings_;
};

}  // namespace hearth
