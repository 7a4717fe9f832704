#include "controller/bundle/target.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr const char* kRemedy =
    "; build it again for this machine (`hearth deploy` on a machine like this one)";

// "glibc-2.36" → {"glibc", 2036}
std::pair<std::string, uint64_t> LibcOf(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {std::string(text), 0};
  uint64_t version = 0;
  size_t parts = 0;
  for (std::string_view part : Split(text.substr(dash + 1), '.')) {
    if (++parts <= 2) version = version * 1000 + ParseUint(part).value_or(0);
  }
  return {std::string(text.substr(0, dash)), version};
}

}  // namespace

absl::StatusOr<BundleTarget> ParseBundleTarget(std::string_view text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    if (json.at("formatVersion").get<int>() != 1) {
      return InvalidArgument(Cat("hearth-bundle.json: formatVersion ",
                                 json.at("formatVersion").get<int>(),
                                 " is not known here; the bundle comes from a newer hearth"));
    }
    BundleTarget target;
    target.runtime = json.value("runtime", "");
    target.runtime_version = json.value("runtimeVersion", "");
    target.arch = json.value("arch", "");
    target.libc = json.value("libc", "");
    target.handler = json.value("handler", "");
    return target;
  } catch (const nlohmann::json::exception& e) {
    return InvalidArgument(Cat("hearth-bundle.json: ", e.what()));
  }
}

absl::Status FitsMachine(const BundleTarget& target, const MachineTarget& machine,
                         const Runtime* runtime, std::string_view version) {
  const auto differs = [](std::string_view what, std::string_view theirs, std::string_view ours) {
    return InvalidArgument(
        Cat("the bundle was built for ", what, " ", theirs, ", this machine has ", ours, kRemedy));
  };
  if (!target.arch.empty() && target.arch != machine.arch) {
    return differs("the architecture", target.arch, machine.arch);
  }
  if (!target.libc.empty()) {
    const auto theirs = LibcOf(target.libc), ours = LibcOf(machine.libc);
    if (theirs.first != ours.first || theirs.second > ours.second) {
      return differs("libc", target.libc, machine.libc);
    }
  }
  if (runtime != nullptr && runtime->exact_version && !target.runtime_version.empty() &&
      target.runtime_version != version) {
    return differs(runtime->name, target.runtime_version, version);
  }
  return absl::OkStatus();
}

}  // namespace hearth::controller
