#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::controller {

// One runtimes/NAME/runtime.yaml (docs/reference/runtimes.md).
struct Runtime {
  std::string name;
  std::string description;
  bool can_inline = false;
  std::string file;     // the name of an inline source
  std::string handler;  // default of spec.handler
  std::vector<std::string> command;
  std::vector<std::string> version_command;
  bool exact_version = false;
  std::map<std::string, std::string> environment;
  std::vector<std::string> packages;
  std::vector<std::string> build_packages;
  std::string folder;  // runtimes/NAME, absolute; its shim/ is mounted at /var/runtime
  std::string ShimFolder() const { return folder + "/shim"; }
};

// What code runs on here: compared with the target that a bundle was built for.
struct MachineTarget {
  std::string arch;  // "x86_64"
  std::string libc;  // "glibc-2.36"
};
MachineTarget ThisMachine();

// Parses one description. Pure.
absl::StatusOr<Runtime> ParseRuntime(std::string_view yaml, std::string_view folder);

// The language runtimes of this machine: read once, versions asked for when first needed and then
// remembered. Thread-safe; owned by the application.
class RuntimeCatalog {
 public:
  // Folders without a runtime.yaml are skipped; one that cannot be read is an error.
  static absl::StatusOr<std::unique_ptr<RuntimeCatalog>> Load(const std::string& folder);

  // NotFound names the runtimes that exist.
  absl::StatusOr<const Runtime*> Find(std::string_view name) const;
  std::vector<const Runtime*> List() const;

  // Output of the runtime's version command, e.g. "3.11"; empty where it has none.
  // FailedPrecondition with the packages to install where the command does not run. Failures are
  // asked for again.
  absl::StatusOr<std::string> Version(const Runtime& runtime);

 private:
  std::map<std::string, Runtime, std::less<>> runtimes_;
  std::mutex mutex_;  // guards versions_
  std::map<std::string, std::string> versions_;
};

}  // namespace hearth::controller
