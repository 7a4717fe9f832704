#include "cli/build/source_builder.h"

#include <filesystem>

#include "cli/build/run_program.h"
#include "controller/runtimes/runtime_catalog.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeptOutput = 64u << 10;

absl::Status CheckFolder(const std::string& source) {
  std::error_code error;
  if (!fs::is_directory(source, error)) {
    return NotFound(
        Cat("there is no folder ", source, "; source.path is relative to the manifest"));
  }
  if (fs::is_empty(source, error))
    return FailedPrecondition(Cat("the folder ", source, " is empty"));
  return absl::OkStatus();
}

absl::Status CopyTree(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return FailedPrecondition(Cat("cannot copy ", from, ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace

SourceBuilder::SourceBuilder() = default;
SourceBuilder::~SourceBuilder() = default;

absl::StatusOr<std::unique_ptr<SourceBuilder>> SourceBuilder::Open(const std::string& runtimes) {
  std::unique_ptr<SourceBuilder> builder(new SourceBuilder());
  ASSIGN_OR_RETURN(builder->catalog_, controller::RuntimeCatalog::Load(runtimes));
  return builder;
}

bool SourceBuilder::IsRuntime(std::string_view name) const { return catalog_->Find(name).ok(); }

absl::StatusOr<BuiltSource> SourceBuilder::Build(
    const std::string& source, const model::FunctionSpec& spec,
    const std::function<void(std::string_view)>& on_output) {
  RETURN_IF_ERROR(CheckFolder(source));
  BuiltSource built;
  ASSIGN_OR_RETURN(built.folder, TempFolder::Make());
  const std::string output = built.folder->path() + "/task";
  std::error_code error;
  fs::create_directory(output, error);

  const controller::MachineTarget machine = controller::ThisMachine();
  BundleTarget target{spec.runtime, "", machine.arch, machine.libc, spec.handler};
  if (spec.runtime.empty()) {
    RETURN_IF_ERROR(CopyTree(source, output));
  } else {
    ASSIGN_OR_RETURN(const controller::Runtime* runtime, catalog_->Find(spec.runtime));
    ASSIGN_OR_RETURN(target.runtime_version, catalog_->Version(*runtime));
    if (target.handler.empty()) target.handler = runtime->handler;
    std::string kept;
    auto result =
        RunProgram({runtime->folder + "/build.sh", fs::absolute(source, error).string(), output},
                   source, [&](std::string_view text) {
                     if (on_output != nullptr) on_output(text);
                     kept += text;
                     if (kept.size() > 2 * kKeptOutput) kept.erase(0, kept.size() - kKeptOutput);
                   });
    if (!result.ok()) return result.status();
    if (!result->ok()) {
      return FailedPrecondition(Cat("the ", spec.runtime, " source in ", source,
                                    " does not build (exit ", result->exit_code, "):\n",
                                    Trim(kept)));
    }
  }
  ASSIGN_OR_RETURN(built.bundle,
                   WriteBundle(output, target, built.folder->path() + "/bundle.tar.gz"));
  return built;
}

}  // namespace hearth::cli
