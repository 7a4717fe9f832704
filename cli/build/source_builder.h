#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/build/bundle.h"
#include "cli/build/temp_folder.h"
#include "core/model/function.h"

namespace hearth::controller {
class RuntimeCatalog;
}

namespace hearth::cli {

// A bundle that lies in a temporary folder: it goes with the object.
struct BuiltSource {
  Bundle bundle;
  std::unique_ptr<TempFolder> folder;
};

// Turns a folder with a function's source into a bundle on this machine: the runtime's build.sh
// installs dependencies and compiles, then everything is packed. Without a runtime the folder is
// packed as it is.
class SourceBuilder {
 public:
  // `runtimes`: the folder that holds the runtimes.
  static absl::StatusOr<std::unique_ptr<SourceBuilder>> Open(const std::string& runtimes);
  ~SourceBuilder();

  bool IsRuntime(std::string_view name) const;
  // `on_output` gets what the build prints. An error's text ends with the build's last lines.
  absl::StatusOr<BuiltSource> Build(const std::string& source, const model::FunctionSpec& spec,
                                    const std::function<void(std::string_view)>& on_output);
  controller::RuntimeCatalog& catalog() { return *catalog_; }

 private:
  SourceBuilder();
  std::unique_ptr<controller::RuntimeCatalog> catalog_;
};

}  // namespace hearth::cli
