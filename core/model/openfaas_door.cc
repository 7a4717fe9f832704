#include <nlohmann/json.hpp>

#include "core/model/codecs.h"
#include "core/model/doors.h"
#include "core/model/openfaas_labels.h"
#include "core/model/spec_fields.h"

namespace hearth::model {
namespace {

using O = OpenFaasFunction;

// The process that OpenFaaS starts: its watchdogs, which are in the image, read it from here.
constexpr const char* kProcessVariable = "fprocess";

// spec of an openfaas.com/v1 Function. Strict, as the API server of a cluster is.
const FieldTable<O>& CrdFields() {
  static const FieldTable<O> table({
      TextField<O>({"name", "", ""}, &O::name),
      TextField<O>({"image", "", ""}, &O::image),
      TextField<O>({"handler", "", ""}, &O::process),
      TextMapField<O>({"environment", "", ""}, &O::environment, Scalars::kTextOnly),
      TextMapField<O>({"labels", "", ""}, &O::labels, Scalars::kTextOnly),
      TextMapField<O>({"annotations", "", ""}, &O::annotations, Scalars::kTextOnly),
      TextsField<O>({"constraints", "", ""}, &O::constraints),
      TextsField<O>({"secrets", "", ""}, &O::secrets),
      ObjectField<O>({"limits", "", ""}, &O::limits, &ResourceFields()),
      ObjectField<O>({"requests", "", ""}, &O::requests, &ResourceFields()),
      BoolField<O>({"readOnlyRootFilesystem", "", ""}, &O::read_only_root_filesystem),
  });
  return table;
}

// FunctionDeployment of the REST API. Fields that are not known are let pass: newer clients send
// what older servers do not know.
const FieldTable<O>& DeploymentFields() {
  static const FieldTable<O> table(
      {
          TextField<O>({"service", "", ""}, &O::name),
          TextField<O>({"namespace", "", ""}, &O::ns),
          TextField<O>({"image", "", ""}, &O::image),
          TextField<O>({"envProcess", "", ""}, &O::process),
          TextMapField<O>({"envVars", "", ""}, &O::environment, Scalars::kTextOnly),
          TextMapField<O>({"labels", "", ""}, &O::labels, Scalars::kTextOnly),
          TextMapField<O>({"annotations", "", ""}, &O::annotations, Scalars::kTextOnly),
          TextsField<O>({"constraints", "", ""}, &O::constraints),
          TextsField<O>({"secrets", "", ""}, &O::secrets),
          ObjectField<O>({"limits", "", ""}, &O::limits, &ResourceFields()),
          ObjectField<O>({"requests", "", ""}, &O::requests, &ResourceFields()),
          BoolField<O>({"readOnlyRootFilesystem", "", ""}, &O::read_only_root_filesystem),
      },
      [](const std::string&, const Value&, const std::string&, O*, ReadContext*) { return true; });
  return table;
}

nlohmann::json ToJson(const Resources& resources) {
  nlohmann::json json = nlohmann::json::object();
  if (!resources.memory.empty()) json["memory"] = resources.memory;
  if (!resources.cpu.empty()) json["cpu"] = resources.cpu;
  for (const auto& [key, value] : resources.other) json[key] = value;
  return json;
}

std::string ProcessOf(const FunctionSpec& spec) {
  if (!spec.command.empty()) return Join(spec.command, " ");
  const auto process = spec.environment.find(kProcessVariable);
  return process == spec.environment.end() ? "" : process->second;
}

}  // namespace

Function FromOpenFaas(const OpenFaasFunction& from, Door door, const std::string& path,
                      const ParseOptions& options, ReadContext* context) {
  Function function;
  function.door = door;
  function.key = {from.ns.empty() ? options.default_namespace : from.ns, from.name};
  FunctionSpec& spec = function.spec;
  const bool ours = !from.lang.empty() && !EqualsIgnoreAsciiCase(from.lang, "dockerfile") &&
                    !from.skip_build &&
                    (options.is_runtime == nullptr || options.is_runtime(from.lang));
  spec.environment = from.environment;
  if (ours) {
    spec.runtime = from.lang;
    spec.source.path = from.handler;
    for (std::string_view word : SplitFields(from.process)) spec.command.emplace_back(word);
  } else {
    spec.image = from.image;
    if (!from.process.empty()) spec.environment[kProcessVariable] = from.process;
    spec.health.path = "/_/health";  // every OpenFaaS image answers it
  }
  spec.labels = from.labels;
  spec.annotations = from.annotations;
  spec.constraints = from.constraints;
  spec.secrets = from.secrets;
  spec.limits = from.limits;
  spec.requests = from.requests;
  spec.read_only_root_filesystem = from.read_only_root_filesystem;
  spec.mode = DefaultMode(spec);
  spec.concurrency = DefaultConcurrency(spec.mode);
  spec.max_body_bytes = DefaultMaxBody(spec.mode);
  ApplyScaleLabels(path, &spec, context);
  ApplyHealthAnnotations(path, &spec, context);
  ApplyWatchdogVariables(path, &spec, context);
  if (spec.image.empty() && spec.runtime.empty()) {
    const auto line = context->lines.find(path);
    context->Add(path + ".image", "is missing; name the container image of the function",
                 line == context->lines.end() ? 0 : line->second);
  }
  return function;
}

Function ReadOpenFaasFunction(const Value& document, const ParseOptions& options,
                              ReadContext* context) {
  Metadata metadata;
  ReadMetadata(document, options, context, &metadata);
  OpenFaasFunction fields;
  if (const Value* spec = ReadEnvelope(document, context)) {
    CrdFields().Read(*spec, "spec", &fields, context);
  }
  if (!fields.name.empty() && !metadata.name.empty() && fields.name != metadata.name) {
    context->Add("spec.name",
                 Cat("\"", fields.name, "\" differs from metadata.name (\"", metadata.name,
                     "\"); make them the same"),
                 context->lines["spec.name"]);
  }
  fields.name = metadata.name;
  fields.ns = metadata.ns;
  Function function = FromOpenFaas(fields, Door::kOpenFaas, "spec", options, context);
  function.generation = metadata.generation;
  return function;
}

Function ReadDeployment(const Value& document, const ParseOptions& options, ReadContext* context) {
  OpenFaasFunction fields;
  if (document.kind != Value::Kind::kMap) {
    context->Add("", "is not a FunctionDeployment: a JSON object is expected", 0);
    return {};
  }
  DeploymentFields().Read(document, "", &fields, context);
  if (fields.name.empty()) context->Add("service", "is missing; it names the function", 0);
  // "name.namespace" is accepted wherever a name is.
  if (const size_t dot = fields.name.rfind('.'); dot != std::string::npos && fields.ns.empty()) {
    fields.ns = fields.name.substr(dot + 1);
    fields.name.resize(dot);
  }
  return FromOpenFaas(fields, Door::kOpenFaasApi, "spec", options, context);
}

nlohmann::json ToDeploymentJson(const Function& function) {
  const FunctionSpec& spec = function.spec;
  nlohmann::json json = {
      {"service", function.key.name}, {"namespace", function.key.ns},    {"image", spec.image},
      {"labels", spec.labels},        {"annotations", spec.annotations},
  };
  if (spec.image.empty()) json["image"] = spec.runtime.empty() ? "command" : spec.runtime;
  if (const std::string process = ProcessOf(spec); !process.empty()) json["envProcess"] = process;
  auto environment = spec.environment;
  environment.erase(kProcessVariable);
  if (!environment.empty()) json["envVars"] = environment;
  if (!spec.constraints.empty()) json["constraints"] = spec.constraints;
  if (!spec.secrets.empty()) json["secrets"] = spec.secrets;
  if (spec.limits != Resources{}) json["limits"] = ToJson(spec.limits);
  if (spec.requests != Resources{}) json["requests"] = ToJson(spec.requests);
  if (spec.read_only_root_filesystem) json["readOnlyRootFilesystem"] = true;
  return json;
}

}  // namespace hearth::model
