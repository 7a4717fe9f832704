#include "cli/commands/function_files.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"
#include "core/model/spec_fields.h"
#include "core/model/validate.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string FolderOf(const std::string& file) {
  const size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

absl::Status SetPairs(const std::vector<std::string>& pairs, std::string_view flag,
                      std::map<std::string, std::string>* out) {
  for (const auto& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError(Cat("--", flag, " \"", pair, "\" must be written NAME=VALUE"));
    }
    (*out)[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return absl::OkStatus();
}

void Append(const std::vector<std::string>& more, std::vector<std::string>* out) {
  for (const auto& text : more) {
    if (std::find(out->begin(), out->end(), text) == out->end()) out->push_back(text);
  }
}

}  // namespace

void FunctionFlags::Declare(Flags* flags) {
  flags->Add(&files_, {.name = "yaml",
                       .letter = 'f',
                       .help = "Manifest or stack.yml; \"-\" reads it from standard input",
                       .value_name = "FILE"});
  flags->Add(&filter_, {.name = "filter",
                        .help = "Only functions of the file whose name matches, such as \"api-*\"",
                        .value_name = "PATTERN"});
  flags->Add(&regex_, {.name = "regex",
                       .help = "Only functions of the file whose name matches",
                       .value_name = "EXPRESSION"});
  flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
  flags->Add(&name_, {.name = "name", .help = "Without a file: name of the function"});
  flags->Add(&image_, {.name = "image", .help = "Without a file: container image"});
  flags->Add(&lang_, {.name = "lang", .help = "Without a file: language runtime"});
  flags->Add(&handler_, {.name = "handler",
                         .help = "Without a file: folder with the source",
                         .value_name = "FOLDER"});
  flags->Add(&process_, {.name = "fprocess",
                         .help = "Process that the watchdog in the image starts",
                         .value_name = "COMMAND"});
  flags->Add(
      &environment_,
      {.name = "env", .letter = 'e', .help = "Environment variable", .value_name = "NAME=VALUE"});
  flags->Add(&labels_,
             {.name = "label", .letter = 'l', .help = "Label", .value_name = "NAME=VALUE"});
  flags->Add(&annotations_,
             {.name = "annotation", .help = "Annotation", .value_name = "NAME=VALUE"});
  flags->Add(&secrets_, {.name = "secret", .help = "Secret to mount", .value_name = "NAME"});
  flags->Add(&constraints_,
             {.name = "constraint", .help = "Node label", .value_name = "NAME=VALUE"});
  flags->Add(&memory_limit_, {.name = "memory-limit", .help = "Such as 256Mi"});
  flags->Add(&cpu_limit_, {.name = "cpu-limit", .help = "Such as 500m"});
  flags->Add(&memory_request_, {.name = "memory-request", .help = "Such as 64Mi"});
  flags->Add(&cpu_request_, {.name = "cpu-request", .help = "Such as 100m"});
  flags->Add(&read_only_, {.name = "readonly", .help = "Only /tmp can be written"});
}

absl::StatusOr<std::vector<std::string>> FunctionFlags::Files(
    const std::vector<std::string>& arguments) const {
  std::vector<std::string> files = files_;
  for (const auto& argument : arguments) {
    bool found = false;
    for (const std::string& path : {argument, argument + ".yaml", argument + ".yml"}) {
      std::error_code error;
      if (fs::is_directory(path, error) || !Exists(path)) continue;
      files.push_back(path);
      found = true;
      break;
    }
    if (!found) {
      return NotFound(Cat("there is neither a file ", argument, " nor ", argument,
                          ".yaml here; name a manifest with -f"));
    }
  }
  if (!files.empty() || !name_.empty() || !image_.empty()) return files;
  for (const char* usual : {"stack.yaml", "stack.yml", "function.yaml", "function.yml"}) {
    if (Exists(usual)) return std::vector<std::string>{usual};
  }
  return UsageError(
      "say what to deploy: -f FILE, or --name NAME with --image IMAGE (there is no stack.yaml or "
      "function.yaml in this folder)");
}

absl::Status FunctionFlags::ReadInto(const std::string& file,
                                     const std::function<bool(std::string_view)>& is_runtime,
                                     Context& context, LoadedFunctions* out) const {
  std::string text;
  const bool from_input = file == "-";
  if (from_input) {
    ASSIGN_OR_RETURN(text, ReadAllInput(context));
  } else {
    ASSIGN_OR_RETURN(text, ReadFile(file));
    out->files.push_back(file);
  }
  const std::string folder = from_input ? "." : FolderOf(file);
  model::ParseOptions options;
  if (!namespace_.empty()) options.default_namespace = namespace_;
  options.environment = context.environment;
  options.read_file = [folder](const std::string& path) {
    return ReadFile(path.starts_with('/') ? path : folder + "/" + path);
  };
  options.is_runtime = is_runtime;
  options.side = model::Side::kClient;
  model::Parsed parsed = model::ParseManifest(text, options);
  if (!parsed.problems.empty()) {
    const absl::Status status = model::ToStatus(parsed.problems);
    const std::string name = from_input ? "the manifest" : file;
    return InvalidArgument(Cat(name, " is not valid; nothing was changed:\n", Message(status)));
  }
  if (out->gateway.empty()) out->gateway = parsed.gateway;
  for (auto& function : parsed.functions) {
    ASSIGN_OR_RETURN(const bool selected, Selected(function.key.name));
    if (selected) out->functions.push_back({std::move(function), folder});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FunctionFlags::Selected(const std::string& name) const {
  if (!name_.empty() && name != name_) return false;
  if (!filter_.empty() && ::fnmatch(filter_.c_str(), name.c_str(), 0) != 0) return false;
  if (regex_.empty()) return true;
  try {
    return std::regex_search(name, std::regex(regex_));
  } catch (const std::regex_error&) {
    return UsageError(Cat("--regex \"", regex_, "\" is not a regular expression"));
  }
}

absl::StatusOr<LoadedFunction> FunctionFlags::FromFlags() const {
  if (name_.empty()) return UsageError("--image needs --name: what shall the function be called?");
  if (image_.empty() == lang_.empty()) {
    return UsageError("give either --image IMAGE, or --lang RUNTIME and --handler FOLDER");
  }
  LoadedFunction loaded{{}, "."};
  model::FunctionSpec& spec = loaded.function.spec;
  loaded.function.key = {namespace_.empty() ? "default" : namespace_, name_};
  spec.image = image_;
  spec.runtime = lang_;
  spec.source.path = lang_.empty() ? "" : handler_.empty() ? "./" + name_ : handler_;
  spec.mode = model::DefaultMode(spec);
  spec.concurrency = model::DefaultConcurrency(spec.mode);
  spec.max_body_bytes = model::DefaultMaxBody(spec.mode);
  return loaded;
}

absl::Status FunctionFlags::Override(model::Function* function) const {
  model::FunctionSpec& spec = function->spec;
  if (!namespace_.empty()) function->key.ns = namespace_;
  RETURN_IF_ERROR(SetPairs(environment_, "env", &spec.environment));
  RETURN_IF_ERROR(SetPairs(labels_, "label", &spec.labels));
  RETURN_IF_ERROR(SetPairs(annotations_, "annotation", &spec.annotations));
  Append(secrets_, &spec.secrets);
  Append(constraints_, &spec.constraints);
  if (!process_.empty() && !spec.image.empty()) spec.environment["fprocess"] = process_;
  if (!process_.empty() && spec.image.empty()) {
    spec.command.clear();
    for (std::string_view word : SplitFields(process_)) spec.command.emplace_back(word);
  }
  if (!memory_limit_.empty()) spec.limits.memory = memory_limit_;
  if (!cpu_limit_.empty()) spec.limits.cpu = cpu_limit_;
  if (!memory_request_.empty()) spec.requests.memory = memory_request_;
  if (!cpu_request_.empty()) spec.requests.cpu = cpu_request_;
  if (read_only_) spec.read_only_root_filesystem = true;
  return model::ToStatus(model::Validate(function->key, spec, model::Side::kClient));
}

absl::StatusOr<LoadedFunctions> FunctionFlags::Load(
    const std::vector<std::string>& arguments,
    const std::function<bool(std::string_view)>& is_runtime, Context& context) const {
  LoadedFunctions out;
  ASSIGN_OR_RETURN(const std::vector<std::string> files, Files(arguments));
  if (files.empty()) {
    ASSIGN_OR_RETURN(LoadedFunction function, FromFlags());
    out.functions.push_back(std::move(function));
  }
  for (const auto& file : files) {
    RETURN_IF_ERROR(ReadInto(file, is_runtime, context, &out));
  }
  if (out.functions.empty()) {
    return NotFound("no function of the file is selected; check --name, --filter and --regex");
  }
  for (auto& loaded : out.functions) RETURN_IF_ERROR(Override(&loaded.function));
  return out;
}

}  // namespace hearth::cli
