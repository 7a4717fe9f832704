#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/args/flags.h"
#include "cli/commands/context.h"
#include "core/model/function.h"

namespace hearth::cli {

struct LoadedFunction {
  model::Function function;
  std::string folder;  // source.path is relative to it
};

struct LoadedFunctions {
  std::vector<LoadedFunction> functions;
  std::string gateway;             // provider.gateway of a stack.yml
  std::vector<std::string> files;  // that were read, for --watch
};

// The flags that say which functions a command is about, and what to change in them, under
// faas-cli's names.
class FunctionFlags {
 public:
  void Declare(Flags* flags);
  // `arguments`: names of functions or files. `is_runtime`: see model::ParseOptions.
  absl::StatusOr<LoadedFunctions> Load(const std::vector<std::string>& arguments,
                                       const std::function<bool(std::string_view)>& is_runtime,
                                       Context& context) const;

  const std::string& given_namespace() const { return namespace_; }

 private:
  absl::StatusOr<std::vector<std::string>> Files(const std::vector<std::string>& arguments) const;
  absl::Status ReadInto(const std::string& file,
                        const std::function<bool(std::string_view)>& is_runtime, Context& context,
                        LoadedFunctions* out) const;
  absl::StatusOr<LoadedFunction> FromFlags() const;
  absl::Status Override(model::Function* function) const;
  absl::StatusOr<bool> Selected(const std::string& name) const;

  std::vector<std::string> files_;
  std::string name_, image_, lang_, handler_, process_, namespace_, filter_, regex_;
  std::vector<std::string> environment_, labels_, annotations_, secrets_, constraints_;
  std::string memory_limit_, cpu_limit_, memory_request_, cpu_request_;
  bool read_only_ = false;
};

}  // namespace hearth::cli
