#include <algorithm>

#include "core/base/duration.h"
#include "core/model/codecs.h"
#include "core/model/doors.h"
#include "core/model/spec_fields.h"

namespace hearth::model {
namespace {

// Where a Function remembers which door it came in by.
constexpr const char* kDoorAnnotation = "hearth.dev/door";

constexpr std::pair<Door, std::string_view> kDoors[] = {
    {Door::kHearth, "hearth"},
    {Door::kOpenFaas, "openfaas"},
    {Door::kOpenFaasApi, "openfaas-api"},
    {Door::kStack, "stack"},
};

const FieldTable<Metadata>& MetadataFields() {
  using M = Metadata;
  static const FieldTable<M> table(
      {
          TextField<M>({"name", "", ""}, &M::name),
          TextField<M>({"namespace", "", ""}, &M::ns),
          TextMapField<M>({"labels", "", ""}, &M::labels, Scalars::kTextOnly),
          TextMapField<M>({"annotations", "", ""}, &M::annotations, Scalars::kTextOnly),
          WholeField<M>({"generation", "", ""}, &M::generation),
          TextField<M>({"creationTimestamp", "", ""}, &M::created),
      },
      [](const std::string& key, const Value&, const std::string&, M*, ReadContext*) {
        // Written by the API server of a cluster; of no meaning in what a user applies.
        for (const char* known :
             {"uid", "resourceVersion", "managedFields", "ownerReferences", "finalizers",
              "selfLink", "generateName", "deletionTimestamp", "deletionGracePeriodSeconds"}) {
          if (key == known) return true;
        }
        return false;
      });
  return table;
}

std::string RequiredName() {
  return "is missing; give the function a name of lower-case letters, digits and \"-\"";
}

}  // namespace

void ReadMetadata(const Value& document, const ParseOptions& options, ReadContext* context,
                  Metadata* out) {
  const Value* metadata = document.Find("metadata");
  if (metadata == nullptr || metadata->IsNull()) {
    context->Add("metadata.name", RequiredName(), document.line);
    return;
  }
  context->lines["metadata"] = metadata->line;
  const size_t problems = context->problems->size();
  MetadataFields().Read(*metadata, "metadata", out, context);
  if (out->name.empty() && context->problems->size() == problems) {
    context->Add("metadata.name", RequiredName(), metadata->line);
  }
  if (out->ns.empty()) out->ns = options.default_namespace;
}

const Value* ReadEnvelope(const Value& document, ReadContext* context) {
  const std::vector<std::string> known = {"apiVersion", "kind", "metadata", "spec", "status"};
  for (const auto& member : document.members) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    const auto& fields = SpecFields().docs();
    const bool of_spec = std::any_of(fields.begin(), fields.end(),
                                     [&](const FieldDoc& d) { return d.path == member.key; });
    context->Add(member.key,
                 of_spec ? Cat("is not a field here; move it below \"spec\"")
                         : UnknownFieldMessage(member.key, known, {}),
                 member.line);
  }
  const Value* spec = document.Find("spec");
  if (spec == nullptr || spec->IsNull()) {
    context->Add("spec", "is missing; it says what the function is made of", document.line);
    return nullptr;
  }
  context->lines["spec"] = spec->line;
  return spec;
}

Function ReadHearthFunction(const Value& document, const ParseOptions& options,
                            ReadContext* context) {
  Function function;
  Metadata metadata;
  ReadMetadata(document, options, context, &metadata);
  function.key = {metadata.ns, metadata.name};
  function.generation = metadata.generation;
  if (!metadata.created.empty()) {
    if (auto time = ParseTime(metadata.created); time.ok()) {
      function.created = *time;
    } else {
      context->Add("metadata.creationTimestamp", "is not an RFC 3339 time; leave it out",
                   context->lines["metadata.creationTimestamp"]);
    }
  }
  if (const Value* spec = ReadEnvelope(document, context)) {
    SpecFields().Read(*spec, "spec", &function.spec, context);
    ApplyDefaults(*context, "spec", &function.spec);
  }
  function.spec.labels.merge(metadata.labels);
  for (const auto& [key, value] : metadata.annotations) {
    if (key == kDoorAnnotation) {
      for (const auto& [door, name] : kDoors) {
        if (name == value) function.door = door;
      }
    } else if (!key.starts_with("kubectl.kubernetes.io/")) {
      function.spec.annotations.emplace(key, value);
    }
  }
  return function;
}

Value WriteHearthFunction(const Function& function) {
  FunctionSpec base;
  base.mode = DefaultMode(function.spec);
  base.concurrency = DefaultConcurrency(function.spec.mode);
  base.max_body_bytes = DefaultMaxBody(function.spec.mode);

  Value metadata = Value::Map();
  metadata.Set("name", Value::Text(function.key.name));
  metadata.Set("namespace", Value::Text(function.key.ns));
  if (function.generation != 1) {
    metadata.Set("generation", Value::Number(Cat(function.generation)));
  }
  if (function.created != WallTime{}) {
    metadata.Set("creationTimestamp", Value::Text(FormatTimeNanos(function.created)));
  }
  if (function.door != Door::kHearth) {
    Value annotations = Value::Map();
    for (const auto& [door, name] : kDoors) {
      if (door == function.door) annotations.Set(kDoorAnnotation, Value::Text(name));
    }
    metadata.Set("annotations", std::move(annotations));
  }
  Value document = Value::Map();
  document.Set("apiVersion", Value::Text("hearth.dev/v1"));
  document.Set("kind", Value::Text("Function"));
  document.Set("metadata", std::move(metadata));
  document.Set("spec", SpecFields().Write(function.spec, base));
  return document;
}

}  // namespace hearth::model
