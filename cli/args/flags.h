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

namespace hearth::cli {

// What a flag says about itself. From these come parsing, --help, shell completion and the page in
// the documentation.
struct FlagInfo {
  std::string name = {};        // "gateway"
  char letter = 0;              // 'g'; 0: none
  std::string help = {};        // one sentence, without a full stop at the end
  std::string value_name = {};  // "URL"; empty: by type
  bool hidden = false;          // accepted for faas-cli's users, without a meaning here
};

// The flags of one command, bound to its members. In the manner of faas-cli: flags and arguments
// mix, "--" ends the flags, a bool takes "--name", "--no-name" and "--name=false". Belongs to one
// command line; the variables must outlive Parse.
class Flags {
 public:
  void Add(std::string* value, FlagInfo info);
  void Add(bool* value, FlagInfo info);
  void Add(uint32_t* value, FlagInfo info);
  void Add(int64_t* value, FlagInfo info);
  void Add(Duration* value, FlagInfo info);
  void Add(std::vector<std::string>* value, FlagInfo info);  // may be repeated
  void Add(std::optional<std::string>* value, FlagInfo info);

  // The arguments that are not flags. An error is a usage error (see UsageError).
  absl::StatusOr<std::vector<std::string>> Parse(const std::vector<std::string>& args);

  struct Flag {
    FlagInfo info;
    bool is_bool = false;
    bool is_list = false;
    std::string default_text;
    std::function<absl::Status(std::string_view)> parse;
  };
  const std::vector<Flag>& all() const { return flags_; }
  std::string HelpText() const;  // aligned, two columns

 private:
  const Flag* Find(std::string_view name) const;
  const Flag* Find(char letter) const;
  void Declare(FlagInfo info, std::string value_name, std::string default_text,
               std::function<absl::Status(std::string_view)> parse);
  absl::Status ParseLong(const std::vector<std::string>& args, size_t* at) const;
  absl::Status ParseLetters(const std::vector<std::string>& args, size_t* at) const;

  std::vector<Flag> flags_;
};

// The command line itself is wrong: told with a pointer to --help, exit code 2.
absl::Status UsageError(std::string_view message);
bool IsUsageError(const absl::Status& status);

}  // namespace hearth::cli
