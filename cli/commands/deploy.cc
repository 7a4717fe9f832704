#include <nlohmann/json.hpp>
#include <unistd.h>

#include <filesystem>
#include <ostream>

#include "cli/build/folder_watcher.h"
#include "cli/build/source_builder.h"
#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "cli/commands/function_files.h"
#include "cli/commands/rollout.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/install.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"

namespace hearth::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::string Resolve(const std::string& folder, const std::string& path) {
  // Joining keeps an absolute path as it is.
  const auto joined = (std::filesystem::path(folder) / path).lexically_normal();
  const std::string text = joined.string();
  return text.size() > 1 && text.ends_with('/') ? text.substr(0, text.size() - 1) : text;
}

// What build, deploy and up have in common: reading files and turning sources into bundles.
class Builder {
 public:
  void Declare(Flags* flags) {
    files_.Declare(flags);
    flags->Add(&verbose_, {.name = "verbose", .letter = 'v', .help = "Show what the build prints"});
  }

  absl::StatusOr<LoadedFunctions> Load(const std::vector<std::string>& arguments,
                                       Context& context) {
    // Without runtimes here (a client alone), a stack's `lang` means its image.
    auto is_runtime = [this](std::string_view name) {
      return OpenBuilder().ok() && builder_->IsRuntime(name);
    };
    return files_.Load(arguments, is_runtime, context);
  }

  absl::StatusOr<BuiltSource> Build(const LoadedFunction& loaded, Context& context) {
    RETURN_IF_ERROR(OpenBuilder());
    const model::FunctionSpec& spec = loaded.function.spec;
    const std::string& name = loaded.function.key.name;
    context.terminal.Progress(Cat(name, ": building"));
    auto built =
        builder_->Build(Resolve(loaded.folder, spec.source.path), spec, [&](std::string_view text) {
          if (verbose_) {
            context.terminal.EndProgress();
            context.terminal.err() << Printable(text) << std::flush;
          } else {
            const std::string_view trimmed = Trim(text);
            const size_t line = trimmed.rfind('\n');
            context.terminal.Progress(
                Cat(name, ": ",
                    Printable(line == std::string_view::npos ? trimmed : trimmed.substr(line + 1))
                        .substr(0, 100)));
          }
        });
    context.terminal.EndProgress();
    if (!built.ok())
      return absl::Status(built.status().code(), A(Cat(name, ": ", Message(built.status()))));
    return built;
  }

 private:
  absl::Status OpenBuilder() {
    if (builder_ != nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string runtimes, FindRuntimesDir());
    ASSIGN_OR_RETURN(builder_, SourceBuilder::Open(runtimes));
    return absl::OkStatus();
  }

  FunctionFlags files_;
  bool verbose_ = false;
  std::unique_ptr<SourceBuilder> builder_;
};

class BuildCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"build",
            "Build the source of functions into bundles, without deploying them",
            "[NAME|FILE…]",
            "Installs dependencies and compiles on this machine, as \"up\" does, and prints each "
            "bundle's digest. With --output the bundles are kept.",
            {"hearth build -f hello.yaml", "hearth build -f stack.yml --output dist"},
            false};
  }
  void Declare(Flags* flags) override {
    builder_.Declare(flags);
    flags->Add(&output_, {.name = "output",
                          .letter = 'o',
                          .help = "Folder that the bundles are put into, as NAME.tar.gz",
                          .value_name = "FOLDER"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    ASSIGN_OR_RETURN(const LoadedFunctions loaded, builder_.Load(arguments, context));
    for (const auto& function : loaded.functions) {
      const std::string& name = function.function.key.name;
      if (function.function.spec.source.path.empty()) {
        context.terminal.Note(Cat(name, ": nothing to build"));
        continue;
      }
      ASSIGN_OR_RETURN(BuiltSource built, builder_.Build(function, context));
      context.terminal.out() << name << "  " << built.bundle.digest << "  "
                             << FormatBytes(built.bundle.size) << "\n";
      if (output_.empty()) continue;
      ASSIGN_OR_RETURN(const std::string content, ReadFile(built.bundle.file));
      RETURN_IF_ERROR(WriteFileAtomically(output_ + "/" + name + ".tar.gz", content, 0644));
    }
    return 0;
  }

 private:
  Builder builder_;
  std::string output_;
};

enum class Watching : uint8_t { kNever, kOnDemand };

class DeployCommand final : public Command {
 public:
  explicit DeployCommand(Watching watching) : watching_(watching) {}

  CommandInfo Info() const override {
    if (watching_ == Watching::kOnDemand) {
      return {
          "up",
          "Build and deploy functions, and wait until they are ready",
          "[NAME|FILE…]",
          "Reads hearth.dev/v1 and openfaas.com/v1 manifests and stack.yml files. Functions with "
          "source.path (or lang and handler) are built on this machine and uploaded. With "
          "--watch it stays and does so again whenever a file changes.",
          {"hearth up -f hello.yaml", "hearth up hello --watch", "hearth up -f stack.yml"},
          false};
    }
    return {"deploy",
            "Deploy functions from manifests, a stack.yml, or flags, and wait until they are ready",
            "[NAME|FILE…]",
            "What is deployed already and does not differ is left alone. The old revision serves "
            "until the new one has answered; a revision that fails changes nothing.",
            {"hearth deploy -f function.yaml", "hearth deploy -f stack.yml --filter 'api-*'",
             "hearth deploy --name web --image docker.io/library/nginx:1 --env A=b",
             "cat function.yaml | hearth deploy -f -"},
            false};
  }

  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    builder_.Declare(flags);
    flags->Add(&no_wait_, {.name = "no-wait", .help = "Do not wait until the functions are ready"});
    flags->Add(&timeout_, {.name = "timeout", .help = "How long to wait for one function"});
    flags->Add(&dry_run_,
               {.name = "dry-run", .help = "Check everything on the server, change nothing"});
    flags->Add(&output_, {.name = "output",
                          .letter = 'o',
                          .help = "\"json\" prints the deployed objects",
                          .value_name = "FORMAT"});
    if (watching_ == Watching::kOnDemand) {
      flags->Add(&watch_,
                 {.name = "watch", .help = "Stay, and deploy again whenever a file changes"});
    }
    // faas-cli's, which are how it works here anyway.
    flags->Add(&ignored_, {.name = "update", .help = "", .hidden = true});
    flags->Add(&ignored_, {.name = "replace", .help = "", .hidden = true});
    flags->Add(&ignored_, {.name = "skip-push", .help = "", .hidden = true});
  }

  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    if (!output_.empty() && output_ != "json") {
      return UsageError(Cat("--output is \"json\" or nothing; got \"", output_, "\""));
    }
    ASSIGN_OR_RETURN(LoadedFunctions loaded, builder_.Load(arguments, context));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context, loaded.gateway));
    const int code = DeployAll(*client, loaded, context);
    if (!watch_) return code;
    return Watch(*client, arguments, std::move(loaded), context);
  }

 private:
  int DeployAll(PlatformClient& client, const LoadedFunctions& loaded, Context& context) {
    int code = 0;
    json objects = json::array();
    for (const auto& function : loaded.functions) {
      auto object = DeployOne(client, function, context);
      if (object.ok()) {
        objects.push_back(*std::move(object));
        continue;
      }
      context.terminal.EndProgress();
      context.terminal.Error(Printable(Message(object.status())));
      code = 1;
    }
    if (output_ == "json") context.terminal.out() << objects.dump(2) << "\n";
    context.terminal.out() << std::flush;
    return code;
  }

  absl::StatusOr<json> DeployOne(PlatformClient& client, const LoadedFunction& loaded,
                                 Context& context) {
    model::Function function = loaded.function;
    const FunctionKey& key = function.key;
    if (!function.spec.source.path.empty()) {
      ASSIGN_OR_RETURN(BuiltSource built, builder_.Build(loaded, context));
      RETURN_IF_ERROR(Upload(client, key, built.bundle, context));
      function.spec.source = {};
      function.spec.source.bundle = built.bundle.digest;
    }
    const auto apply = dry_run_ ? PlatformClient::Apply::kDryRun : PlatformClient::Apply::kForReal;
    context.terminal.Progress(Cat(key.name, ": deploying"));
    const MonotonicTime start = context.clock.Now();
    ASSIGN_OR_RETURN(json answer, client.PutFunction(key, model::ToManifestJson(function), apply));
    if (!answer.is_object()) answer = json::object();
    const std::string result = answer.value("result", "deployed");
    json object = answer.contains("object") ? answer["object"] : json::object();
    if (dry_run_) {
      Say(context, Cat(key.name, ": would be ", result, " (dry run)"));
      return object;
    }
    std::string line = Cat(key.name, ": ", result);
    if (!no_wait_) {
      uint64_t generation = 0;
      if (object.contains("metadata") && object["metadata"].is_object()) {
        generation = object["metadata"].value("generation", uint64_t{0});
      }
      RETURN_IF_ERROR(AwaitRollout(client, key, generation, timeout_, context));
      line += result == "unchanged" ? ", ready"
                                    : ", ready after " + Seconds(context.clock.Now() - start);
    }
    context.terminal.EndProgress();
    Say(context, line);
    // Links of a page are relative to its folder.
    const bool site = function.spec.mode == model::Mode::kStatic;
    Say(context, Cat("  ", client.FunctionUrl(key), site ? "/" : ""));
    return object;
  }

  absl::Status Upload(PlatformClient& client, const FunctionKey& key, const Bundle& bundle,
                      Context& context) {
    ASSIGN_OR_RETURN(const bool there, client.HasBundle(bundle.digest));
    if (there) return absl::OkStatus();
    context.terminal.Progress(Cat(key.name, ": uploading ", FormatBytes(bundle.size)));
    return client.PutBundle(bundle.digest, bundle.file);
  }

  absl::StatusOr<int> Watch(PlatformClient& client, const std::vector<std::string>& arguments,
                            LoadedFunctions loaded, Context& context) {
    ASSIGN_OR_RETURN(std::unique_ptr<FolderWatcher> watcher, FolderWatcher::Open());
    while (true) {
      watcher->Clear();
      for (const auto& file : loaded.files) RETURN_IF_ERROR(watcher->AddFile(file));
      for (const auto& function : loaded.functions) {
        const std::string& path = function.function.spec.source.path;
        if (!path.empty()) RETURN_IF_ERROR(watcher->AddTree(Resolve(function.folder, path)));
      }
      context.terminal.Note("watching for changes; Ctrl-C ends");
      ASSIGN_OR_RETURN(const std::string changed, watcher->Wait(200ms));
      context.terminal.Note(Cat("changed: ", Printable(changed)));
      auto again = builder_.Load(arguments, context);
      if (!again.ok()) {
        context.terminal.Error(Printable(Message(again.status())));
        continue;
      }
      loaded = *std::move(again);
      DeployAll(client, loaded, context);
    }
  }

  void Say(Context& context, std::string_view line) const {
    if (output_ == "json") {
      context.terminal.Note(line);
    } else {
      context.terminal.out() << line << std::endl;
    }
  }
  static std::string Seconds(Duration d) {
    return FormatDuration(std::chrono::duration_cast<std::chrono::milliseconds>(d));
  }

  Watching watching_;
  Connection connection_;
  Builder builder_;
  bool no_wait_ = false, dry_run_ = false, watch_ = false, ignored_ = false;
  Duration timeout_ = 2min;
  std::string output_;
};

}  // namespace

std::unique_ptr<Command> NewBuildCommand() { return std::make_unique<BuildCommand>(); }
std::unique_ptr<Command> NewDeployCommand() {
  return std::make_unique<DeployCommand>(Watching::kNever);
}
std::unique_ptr<Command> NewUpCommand() {
  return std::make_unique<DeployCommand>(Watching::kOnDemand);
}

}  // namespace hearth::cli
