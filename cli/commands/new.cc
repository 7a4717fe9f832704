#include <unistd.h>

#include <filesystem>
#include <ostream>

#include "cli/build/template.h"
#include "cli/commands/factories.h"
#include "controller/runtimes/runtime_catalog.h"
#include "core/base/absl_compat.h"
#include "core/base/install.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"
#include "core/model/validate.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

class NewCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"new",
            "Make a new function from a language's template",
            "NAME",
            "Makes the folder NAME with the source, and NAME.yaml with the manifest.",
            {"hearth new hello --lang python3", "hearth new --list",
             "hearth new second --lang node --append hello.yaml"},
            false};
  }
  void Declare(Flags* flags) override {
    flags->Add(&lang_, {.name = "lang", .letter = 'l', .help = "Language runtime"});
    flags->Add(&list_, {.name = "list", .help = "Show the languages"});
    flags->Add(&handler_, {.name = "handler",
                           .help = "Folder for the source, instead of NAME",
                           .value_name = "FOLDER"});
    flags->Add(&append_, {.name = "append",
                          .letter = 'a',
                          .help = "Add the manifest to this file instead of NAME.yaml",
                          .value_name = "FILE"});
    flags->Add(&runtimes_, {.name = "runtimes",
                            .help = "Folder that holds the language runtimes",
                            .value_name = "FOLDER"});
  }

  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    if (runtimes_.empty()) {
      ASSIGN_OR_RETURN(runtimes_, FindRuntimesDir());
    }
    ASSIGN_OR_RETURN(const auto catalog, controller::RuntimeCatalog::Load(runtimes_));
    if (list_) {
      Table table({"LANGUAGE", "DESCRIPTION"});
      for (const auto* runtime : catalog->List()) table.Add({runtime->name, runtime->description});
      context.terminal.out() << table.Text();
      return 0;
    }
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    const std::string& name = arguments[0];
    if (auto why = model::NameProblem(name); !why.empty()) return UsageError(why);
    if (lang_.empty()) {
      return UsageError("--lang is missing; \"hearth new --list\" shows the languages");
    }
    const auto runtime = catalog->Find(lang_);
    if (!runtime.ok()) {
      std::vector<std::string> known;
      for (const auto* other : catalog->List()) known.push_back(other->name);
      return NotFound(Cat("there is no language \"", lang_, "\"", Suggestion(lang_, known),
                          "; known are ", Join(known, ", ")));
    }
    return Make(name, **runtime, context);
  }

 private:
  absl::StatusOr<int> Make(const std::string& name, const controller::Runtime& runtime,
                           Context& context) {
    const std::string folder = handler_.empty() ? name : handler_;
    const std::string file = append_.empty() ? name + ".yaml" : append_;
    std::error_code error;
    if (fs::exists(folder, error)) {
      return AlreadyExists(Cat("there is something called ", folder,
                               " here already; nothing was "
                               "changed"));
    }
    std::string before;
    if (::access(file.c_str(), F_OK) == 0) {
      if (append_.empty()) {
        return AlreadyExists(
            Cat("there is a file ", file, " already; --append ", file, " adds to it"));
      }
      ASSIGN_OR_RETURN(before, ReadFile(file));
    } else if (!append_.empty()) {
      return NotFound(Cat("there is no file ", file, " to append to"));
    }
    RETURN_IF_ERROR(CopyTemplate(runtime.folder + "/template", folder, name));
    RETURN_IF_ERROR(
        WriteFileAtomically(file, WithManifest(before, Manifest(name, runtime, folder)), 0644));
    context.terminal.out() << "made " << folder << "/ and " << file << "\n"
                           << "  next: hearth up -f " << file << "\n"
                           << "        echo hello | hearth invoke " << name << "\n";
    return 0;
  }

  static std::string Manifest(const std::string& name, const controller::Runtime& runtime,
                              const std::string& folder) {
    return Cat("apiVersion: hearth.dev/v1\nkind: Function\nmetadata:\n  name: ", name,
               "\nspec:\n  runtime: ", runtime.name,
               runtime.handler.empty() ? "" : "\n  handler: " + runtime.handler,
               "\n  source:\n    path: ", folder.starts_with('/') ? folder : "./" + folder, "\n");
  }

  static std::string WithManifest(const std::string& before, const std::string& manifest) {
    if (Trim(before).empty()) return manifest;
    return Cat(before, before.ends_with('\n') ? "" : "\n", "---\n", manifest);
  }

  std::string lang_, handler_, append_, runtimes_;
  bool list_ = false;
};

}  // namespace

std::unique_ptr<Command> NewNewCommand() { return std::make_unique<NewCommand>(); }

}  // namespace hearth::cli
