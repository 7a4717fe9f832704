#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/model/codecs.h"
#include "core/model/doors.h"
#include "core/model/spec_fields.h"
#include "core/model/value.h"

namespace hearth::model {
namespace {

using O = OpenFaasFunction;

// A field that is part of the format but has no meaning here.
Field<O> Ignored(const char* name) {
  return {name, "", "", "", [](const Value&, const std::string&, O*, ReadContext*) {}, nullptr, {}};
}

const FieldTable<O>& StackFields() {
  static const FieldTable<O> table({
      TextField<O>({"lang", "", ""}, &O::lang),
      TextField<O>({"handler", "", ""}, &O::handler),
      TextField<O>({"image", "", ""}, &O::image),
      TextField<O>({"fprocess", "", ""}, &O::process),
      TextField<O>({"namespace", "", ""}, &O::ns),
      TextMapField<O>({"environment", "", ""}, &O::environment, Scalars::kAny),
      TextsField<O>({"environment_file", "", ""}, &O::environment_files),
      TextsField<O>({"secrets", "", ""}, &O::secrets),
      BoolField<O>({"skip_build", "", ""}, &O::skip_build),
      TextsField<O>({"constraints", "", ""}, &O::constraints),
      TextMapField<O>({"labels", "", ""}, &O::labels, Scalars::kAny),
      TextMapField<O>({"annotations", "", ""}, &O::annotations, Scalars::kAny),
      ObjectField<O>({"limits", "", ""}, &O::limits, &ResourceFields()),
      ObjectField<O>({"requests", "", ""}, &O::requests, &ResourceFields()),
      BoolField<O>({"readonly_root_filesystem", "", ""}, &O::read_only_root_filesystem),
      Ignored("build_options"),
      Ignored("build_args"),
      Ignored("build_secrets"),
      Ignored("platforms"),
  });
  return table;
}

// ${VAR} and ${VAR:-default}; a variable that is not set is empty, as in faas-cli.
std::string Expand(const std::string& text, const ParseOptions& options) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find("${", at);
    const size_t close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos) {
      out += text.substr(at);
      break;
    }
    out += text.substr(at, open - at);
    const std::string inside = text.substr(open + 2, close - open - 2);
    const size_t colon = inside.find(":-");
    const auto value = options.environment(inside.substr(0, colon));
    if (value && !(value->empty() && colon != std::string::npos)) {
      out += *value;
    } else if (colon != std::string::npos) {
      out += inside.substr(colon + 2);
    }
    at = close + 1;
  }
  return out;
}

void ExpandAll(const ParseOptions& options, Value* value) {
  if (value->kind == Value::Kind::kString && value->text.find("${") != std::string::npos) {
    value->text = Expand(value->text, options);
    // Flags are the only fields of the format that are not text.
    if (PlainKind(value->text) == Value::Kind::kBool) value->kind = Value::Kind::kBool;
  }
  for (Value& item : value->items) ExpandAll(options, &item);
  for (auto& member : value->members) ExpandAll(options, &member.value);
}

// A file with `environment:` and names below; its values override those in the stack.
void ReadEnvironmentFile(const std::string& file, const std::string& path,
                         const ParseOptions& options, O* function, ReadContext* context) {
  const int line = context->lines[path + ".environment_file"];
  const std::string at = path + ".environment_file";
  if (options.read_file == nullptr) {
    context->Add(at, Cat("\"", file, "\" can be read only by the command line, beside the file"),
                 line);
    return;
  }
  auto text = options.read_file(file);
  if (!text.ok()) {
    context->Add(at, Cat("cannot read \"", file, "\": ", Message(text.status())), line);
    return;
  }
  std::vector<Problem> problems;
  const std::vector<Value> documents = ReadDocuments(*text, &problems);
  for (Problem& problem : problems) {
    context->Add(at, Cat(file, " line ", problem.line, ": ", problem.message), line);
  }
  if (documents.empty()) return;
  const Value* environment = documents.front().Find("environment");
  if (environment == nullptr) {
    context->Add(at, Cat("\"", file, "\" has no \"environment:\" at its top"), line);
    return;
  }
  ReadContext inner{context->problems, {}};
  auto values = ReadTextMap(*environment, Scalars::kAny, file + ": environment", &inner);
  if (!values) return;
  for (auto& [name, value] : *values) function->environment[name] = std::move(value);
}

void CheckTop(const Value& document, Parsed* out) {
  const std::vector<std::string> known = {"version", "provider", "functions", "configuration"};
  for (const auto& member : document.members) {
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      out->problems.push_back(
          {member.key, UnknownFieldMessage(member.key, known, {}), member.line});
    }
  }
  const Value* provider = document.Find("provider");
  if (provider == nullptr) return;
  if (const Value* gateway = provider->Find("gateway")) out->gateway = gateway->text;
  const Value* name = provider->Find("name");
  if (name != nullptr && name->text != "openfaas" && name->text != "hearth" &&
      name->text != "faas") {
    out->problems.push_back(
        {"provider.name", Cat("must be \"openfaas\"; got \"", name->text, "\""), name->line});
  }
}

}  // namespace

bool IsStack(const Value& document) {
  return document.Find("apiVersion") == nullptr &&
         (document.Find("functions") != nullptr || document.Find("provider") != nullptr);
}

void ReadStack(Value document, const ParseOptions& options, Parsed* out) {
  if (options.environment != nullptr) ExpandAll(options, &document);
  CheckTop(document, out);
  const Value* functions = document.Find("functions");
  if (functions == nullptr || functions->kind != Value::Kind::kMap) {
    out->problems.push_back({"functions", "must be a map of NAME: function", document.line});
    return;
  }
  for (const auto& member : functions->members) {
    const std::string path = "functions." + member.key;
    ReadContext context{&out->problems, {}};
    context.lines[path] = member.line;
    context.lines["metadata.name"] = member.line;
    OpenFaasFunction fields;
    fields.name = member.key;
    StackFields().Read(member.value, path, &fields, &context);
    for (const auto& file : fields.environment_files) {
      ReadEnvironmentFile(file, path, options, &fields, &context);
    }
    Function function = FromOpenFaas(fields, Door::kStack, path, options, &context);
    ValidateInto(function, options, path, &context);
    out->functions.push_back(std::move(function));
  }
}

}  // namespace hearth::model
