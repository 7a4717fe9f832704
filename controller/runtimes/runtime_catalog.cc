#include "controller/runtimes/runtime_catalog.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "controller/process/spawn.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

constexpr int kVersionTimeoutMs = 20'000;

std::vector<std::string> Words(const YAML::Node& node) {
  std::vector<std::string> out;
  if (!node) return out;
  if (!node.IsSequence()) throw YAML::Exception(node.Mark(), "must be a list");
  for (const YAML::Node& item : node) out.push_back(item.as<std::string>());
  return out;
}

std::string Text(const YAML::Node& node) { return node ? node.as<std::string>() : ""; }

bool Flag(const YAML::Node& node) { return node && node.as<bool>(); }

Runtime FromYaml(const YAML::Node& root, std::string_view folder) {
  Runtime out;
  out.name = Text(root["name"]);
  out.description = Text(root["description"]);
  out.can_inline = Flag(root["inline"]);
  out.file = Text(root["file"]);
  out.handler = Text(root["handler"]);
  out.command = Words(root["command"]);
  out.version_command = Words(root["version"]);
  out.exact_version = Flag(root["exact_version"]);
  for (const auto& entry : root["environment"]) {
    out.environment[entry.first.as<std::string>()] = entry.second.as<std::string>();
  }
  out.packages = Words(root["packages"]);
  out.build_packages = Words(root["build_packages"]);
  out.folder = folder;
  return out;
}

}  // namespace

MachineTarget ThisMachine() {
  utsname name{};
  uname(&name);
  return {name.machine, Cat("glibc-", gnu_get_libc_version())};
}

absl::StatusOr<Runtime> ParseRuntime(std::string_view yaml, std::string_view folder) {
  const std::string where = Cat(folder, "/runtime.yaml: ");
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root.IsMap()) return InvalidArgument(where + "is not a map");
    Runtime out = FromYaml(root, folder);
    if (out.name.empty()) return InvalidArgument(where + "name is missing");
    if (out.command.empty()) return InvalidArgument(where + "command is missing");
    if (out.can_inline && out.file.empty()) {
      return InvalidArgument(where + "file is missing: inline source needs a name");
    }
    return out;
  } catch (const YAML::Exception& e) {
    return InvalidArgument(Cat(where, "line ", e.mark.line + 1, ": ", e.msg));
  }
}

absl::StatusOr<std::unique_ptr<RuntimeCatalog>> RuntimeCatalog::Load(const std::string& folder) {
  auto catalog = std::make_unique<RuntimeCatalog>();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::ifstream in(entry.path() / "runtime.yaml");
    if (!in) continue;
    std::stringstream text;
    text << in.rdbuf();
    ASSIGN_OR_RETURN(Runtime runtime,
                     ParseRuntime(text.str(), fs::absolute(entry.path()).string()));
    catalog->runtimes_[runtime.name] = std::move(runtime);
  }
  if (error) return NotFound(Cat("the runtimes in ", folder, ": ", error.message()));
  return catalog;
}

absl::StatusOr<const Runtime*> RuntimeCatalog::Find(std::string_view name) const {
  const auto it = runtimes_.find(name);
  if (it != runtimes_.end()) return &it->second;
  std::vector<std::string> names;
  for (const auto& [known, runtime] : runtimes_) names.push_back(known);
  return NotFound(Cat("spec.runtime: there is no runtime \"", name, "\"", Suggestion(name, names),
                      "; this machine has ", Join(names, ", ")));
}

std::vector<const Runtime*> RuntimeCatalog::List() const {
  std::vector<const Runtime*> out;
  for (const auto& [name, runtime] : runtimes_) out.push_back(&runtime);
  return out;
}

absl::StatusOr<std::string> RuntimeCatalog::Version(const Runtime& runtime) {
  if (runtime.version_command.empty()) return std::string();
  {
    const std::lock_guard lock(mutex_);
    const auto it = versions_.find(runtime.name);
    if (it != versions_.end()) return it->second;
  }
  const auto result = RunCommand(runtime.version_command, kVersionTimeoutMs);
  if (!result.ok() || result->exit_status != 0) {
    const std::string packages = Join(runtime.packages, " ");
    return FailedPrecondition(
        Cat("spec.runtime: ", runtime.name, " does not run on this machine: ",
            result.ok() ? Trim(result->output) : Message(result.status()),
            packages.empty() ? "" : "; install it: apt-get install " + packages));
  }
  const std::string version(Trim(result->output));
  const std::lock_guard lock(mutex_);
  versions_[runtime.name] = version;
  return version;
}

}  // namespace hearth::controller
