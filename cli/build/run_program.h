#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

struct ProgramResult {
  int exit_code = 0;  // 128 + signal where one ended it
  bool ok() const { return exit_code == 0; }
};

// Runs a program to its end: nothing on its standard input, both outputs handed to `on_output` as
// they come. The program is looked up in PATH. An error: it could not be started.
absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv,
                                         const std::string& folder,
                                         const std::function<void(std::string_view)>& on_output);

}  // namespace hearth::cli
