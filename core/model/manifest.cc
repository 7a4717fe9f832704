#include "core/model/manifest.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/model/doors.h"
#include "core/model/spec_fields.h"
#include "core/model/value.h"

namespace hearth::model {
namespace {

constexpr std::string_view kHearthVersion = "hearth.dev/v1";
constexpr std::string_view kOpenFaasVersion = "openfaas.com/v1";

std::string_view TextOf(const Value& document, std::string_view key) {
  const Value* value = document.Find(key);
  return value != nullptr && value->kind == Value::Kind::kString ? std::string_view(value->text)
                                                                 : std::string_view();
}

int LineOf(const Value& document, std::string_view key) {
  for (const auto& member : document.members) {
    if (member.key == key) return member.line;
  }
  return document.line;
}

// Reports what is wrong with apiVersion and kind; true: nothing.
bool CheckKind(const Value& document, std::vector<Problem>* problems) {
  const std::string_view version = TextOf(document, "apiVersion"), kind = TextOf(document, "kind");
  const std::vector<std::string> versions = {std::string(kHearthVersion),
                                             std::string(kOpenFaasVersion)};
  if (version.empty()) {
    problems->push_back({"apiVersion",
                         "is missing; write \"apiVersion: hearth.dev/v1\" (openfaas.com/v1 and "
                         "stack.yml files are read as well)",
                         document.line});
    return false;
  }
  if (version != kHearthVersion && version != kOpenFaasVersion) {
    problems->push_back({"apiVersion",
                         Cat("\"", version,
                             "\" is not known; known are hearth.dev/v1 and "
                             "openfaas.com/v1"),
                         LineOf(document, "apiVersion")});
    return false;
  }
  if (kind != "Function") {
    problems->push_back({"kind",
                         Cat("\"", kind, "\" is not known; the only kind here is \"Function\""),
                         LineOf(document, "kind")});
    return false;
  }
  return true;
}

void ReadDocument(Value document, const ParseOptions& options, Parsed* out) {
  if (document.kind != Value::Kind::kMap) {
    out->problems.push_back({"",
                             "is not a manifest: a map with apiVersion, kind, metadata and "
                             "spec is expected",
                             document.line});
    return;
  }
  if (IsStack(document)) return ReadStack(std::move(document), options, out);
  const Value* items = document.Find("items");
  if (items != nullptr && items->kind == Value::Kind::kList) {
    for (const Value& item : items->items) {
      // A list inside a list is nothing that anybody writes: one level only.
      if (item.Find("items") == nullptr) ReadDocument(item, options, out);
    }
    return;
  }
  if (!CheckKind(document, &out->problems)) return;
  ReadContext context{&out->problems, {}};
  const bool ours = TextOf(document, "apiVersion") == kHearthVersion;
  Function function = ours ? ReadHearthFunction(document, options, &context)
                           : ReadOpenFaasFunction(document, options, &context);
  ValidateInto(function, options, "spec", &context);
  out->functions.push_back(std::move(function));
}

void RefuseDoubles(Parsed* out) {
  std::vector<FunctionKey> keys;
  for (const auto& function : out->functions) {
    if (std::find(keys.begin(), keys.end(), function.key) != keys.end()) {
      out->problems.push_back({"metadata.name",
                               Cat("\"", function.key.name, "\" stands here twice in namespace \"",
                                   function.key.ns, "\"; rename one"),
                               0});
    }
    keys.push_back(function.key);
  }
}

// Problems keep their order but are told once each.
void RemoveRepeated(std::vector<Problem>* problems) {
  std::vector<Problem> unique;
  for (auto& problem : *problems) {
    const bool known = std::any_of(unique.begin(), unique.end(), [&](const Problem& other) {
      return other.field == problem.field && other.line == problem.line &&
             (problem.field != "" || other.message == problem.message);
    });
    if (!known) unique.push_back(std::move(problem));
  }
  *problems = std::move(unique);
}

}  // namespace

void ValidateInto(const Function& function, const ParseOptions& options, const std::string& prefix,
                  ReadContext* context) {
  for (Problem& problem : Validate(function.key, function.spec, options.side)) {
    if (problem.field.starts_with("spec")) problem.field.replace(0, 4, prefix);
    const bool told =
        std::any_of(context->problems->begin(), context->problems->end(), [&](const Problem& p) {
          return p.field == problem.field || p.field.starts_with(problem.field + ".");
        });
    if (told) continue;
    // The nearest enclosing field that has a line.
    for (std::string at = problem.field; !at.empty();) {
      const auto line = context->lines.find(at);
      if (line != context->lines.end()) {
        problem.line = line->second;
        break;
      }
      const size_t cut = at.find_last_of(".[");
      at = cut == std::string::npos ? "" : at.substr(0, cut);
    }
    context->problems->push_back(std::move(problem));
  }
}

Parsed ParseManifest(std::string_view yaml_or_json, const ParseOptions& options) {
  Parsed out;
  std::vector<Value> documents = ReadDocuments(yaml_or_json, &out.problems);
  if (documents.empty() && out.problems.empty()) {
    out.problems.push_back({"", "the document is empty", 0});
  }
  if (out.problems.empty()) {
    for (Value& document : documents) ReadDocument(std::move(document), options, &out);
    RefuseDoubles(&out);
  }
  RemoveRepeated(&out.problems);
  if (!out.problems.empty()) out.functions.clear();
  return out;
}

absl::StatusOr<Function> FromManifestJson(const nlohmann::json& object,
                                          const ParseOptions& options) {
  std::vector<Problem> problems;
  const Value document = FromJson(object);
  Function function;
  if (document.kind != Value::Kind::kMap) {
    problems.push_back({"", "is not a manifest: a JSON object is expected", 0});
  } else if (CheckKind(document, &problems)) {
    ReadContext context{&problems, {}};
    function = TextOf(document, "apiVersion") == kHearthVersion
                   ? ReadHearthFunction(document, options, &context)
                   : ReadOpenFaasFunction(document, options, &context);
  }
  if (!problems.empty()) return ToStatus(problems);
  return function;
}

nlohmann::json ToManifestJson(const Function& function) {
  return ToJson(WriteHearthFunction(function));
}

std::string ToManifestYaml(const Function& function) {
  return ToYaml(WriteHearthFunction(function));
}

absl::StatusOr<Function> FromDeploymentJson(const nlohmann::json& object,
                                            const ParseOptions& options) {
  std::vector<Problem> problems;
  ReadContext context{&problems, {}};
  Function function = ReadDeployment(FromJson(object), options, &context);
  if (problems.empty()) ValidateInto(function, options, "spec", &context);
  if (!problems.empty()) return ToStatus(problems);
  return function;
}

}  // namespace hearth::model
