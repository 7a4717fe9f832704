#include "core/model/spec_fields.h"

#include "core/model/codecs.h"

namespace hearth::model {
namespace {

const FieldTable<Source>& SourceFields() {
  static const FieldTable<Source> table({
      TextField<Source>({"inline", "",
                         "The text of one file; the runtime says what it is called. "
                         "Interpreted languages without dependencies only"},
                        &Source::inline_code),
      TextMapField<Source>({"files", "", "Several files: relative path to content"}, &Source::files,
                           Scalars::kTextOnly),
      TextField<Source>({"bundle", "", "Digest of an uploaded bundle, `sha256:HEX`"},
                        &Source::bundle),
      TextField<Source>({"path", "",
                         "A folder on the client's side, relative to the manifest; "
                         "`hearth up` and `deploy` build it and upload the bundle"},
                        &Source::path),
  });
  return table;
}

const FieldTable<Scaling>& ScalingFields() {
  using S = Scaling;
  static const FieldTable<S> table({
      WholeField<S>({"min", "0", "Replicas that are always there; 0 lets it scale to zero"},
                    &S::min),
      WholeField<S>({"max", "20", "Replicas at most"}, &S::max),
      TextField<S>({"metric", "concurrency",
                    "What is measured against `target`: `concurrency` "
                    "(requests in flight), `rps`, `cpu`"},
                   &S::metric),
      MakeField<S, std::optional<double>>(
          {"target", "the capacity of a replica",
           "Value of the metric that one replica should have"},
          "number", &S::target,
          [](const Value& v, const std::string& path,
             ReadContext* c) -> std::optional<std::optional<double>> {
            if (auto n = ReadReal(v, path, c)) return std::optional<double>(*n);
            return std::nullopt;
          },
          [](const std::optional<double>& n) {
            char text[32];
            const auto end = std::to_chars(text, text + sizeof text, n.value_or(0)).ptr;
            return Value::Number(std::string(text, end));
          }),
      DurationField<S>({"idleTimeout", "5m", "Time without a request until the last replica goes"},
                       &S::idle_timeout),
  });
  return table;
}

const FieldTable<Health>& HealthFields() {
  using H = Health;
  static const FieldTable<H> table({
      TextField<H>({"path", "",
                    "Path on the function's own server that answers 2xx once it is "
                    "ready; without one, a TCP connect is enough"},
                   &H::path),
      DurationField<H>({"initialDelay", "0s", "Wait before the first check"}, &H::initial_delay),
      DurationField<H>({"period", "2s", "Time between checks"}, &H::period),
      DurationField<H>({"timeout", "1s", "Time for one check"}, &H::timeout),
      WholeField<H>(
          {"failureThreshold", "3", "Failed checks in a row until the replica is replaced"},
          &H::failure_threshold),
      DurationField<H>({"startupTimeout", "1m", "Not ready by then: the replica has failed"},
                       &H::startup_timeout),
  });
  return table;
}

const FieldTable<QueuePolicy>& QueueFields() {
  using Q = QueuePolicy;
  static const FieldTable<Q> table({
      WholeField<Q>({"maxRequests", "1000", "Requests that may wait for a replica; more get 429"},
                    &Q::max_requests),
      BytesField<Q>({"maxSize", "64Mi", "Bytes of requests that may wait"}, &Q::max_bytes),
      DurationField<Q>({"maxWait", "1m", "Time that a request may wait"}, &Q::max_wait),
  });
  return table;
}

using F = FunctionSpec;

std::vector<Field<F>> CodeFields() {
  return {
      TextField<F>({"runtime", "",
                    "Language runtime: `bash`, `python3`, `node`, `go`, `cpp`; "
                    "`source` is its code. Either this, `image`, or `command`"},
                   &F::runtime),
      TextField<F>({"image", "",
                    "Container image: `registry/name:tag`, `oci:FOLDER[:TAG]` or "
                    "`docker-archive:FILE`"},
                   &F::image),
      TextField<F>(
          {"handler", "the runtime's", "Entry point in the code, such as `handler.handler`"},
          &F::handler),
      ObjectField<F>({"source", "", "The code: exactly one of the fields below"}, &F::source,
                     &SourceFields()),
      MakeField<F, std::vector<std::string>>(
          {"command", "the runtime's or the image's",
           "Program and arguments; one text is split at white space"},
          "list of texts", &F::command, ReadCommand, TextsValue),
      WordField<F, Mode>(
          {"mode", "native with `runtime`, static with `staticPath`, else http",
           "How the function is called: `native` (AWS Lambda Runtime API), `http` (its own "
           "server), "
           "`streaming` and `serializing` (a process per request), `static` (files)"},
          &F::mode,
          {{"native", Mode::kNative},
           {"http", Mode::kHttp},
           {"streaming", Mode::kStreaming},
           {"serializing", Mode::kSerializing},
           {"static", Mode::kStatic}}),
      WordField<F, EventFormat>(
          {"event", "http",
           "What a native function gets: `http`, the function-URL payload 2.0, or "
           "`raw`, the body as the event"},
          &F::event, {{"http", EventFormat::kHttp}, {"raw", EventFormat::kRaw}}),
      WholeField<F>({"port", "8080",
                     "Port of the function's own server in http mode; it is told in "
                     "`PORT`"},
                    &F::port),
      WordField<F, Protocol>({"protocol", "http1",
                              "What the function's own server speaks in http mode: `http1`, or "
                              "`h2c` (HTTP/2 without TLS, as gRPC servers do)"},
                             &F::protocol, {{"http1", Protocol::kHttp1}, {"h2c", Protocol::kH2c}}),
      TextField<F>({"staticPath", "", "Folder below the code that static mode serves"},
                   &F::static_path),
  };
}

std::vector<Field<F>> RunFields() {
  return {
      TextMapField<F>({"environment", "", "Environment variables"}, &F::environment,
                      Scalars::kTextOnly),
      TextsField<F>({"secrets", "",
                     "Names of secrets; each is a read-only file at "
                     "`/var/openfaas/secrets/NAME` and `/run/secrets/NAME`"},
                    &F::secrets),
      ObjectField<F>({"limits", "", "What one replica may use"}, &F::limits, &ResourceFields()),
      ObjectField<F>({"requests", "", "What one replica is given for certain"}, &F::requests,
                     &ResourceFields()),
      WholeField<F>({"concurrency", "1; in http and static mode 0",
                     "Requests inside one replica at once; 0: no limit"},
                    &F::concurrency),
      DurationField<F>({"timeout", "1m",
                        "From the moment that a replica takes the request to the "
                        "head of its response"},
                       &F::timeout),
      DurationField<F>({"streamIdleTimeout", "5m", "Silence inside a response or a tunnel"},
                       &F::stream_idle_timeout),
      DurationField<F>({"maxDuration", "0s", "The whole exchange; 0s: no limit"}, &F::max_duration),
      BytesField<F>(
          {"maxBodySize", "6Mi in native mode, else 0", "Body of a request at most; 0: no limit"},
          &F::max_body_bytes),
      BoolField<F>({"readOnlyRootFilesystem", "false", "Only `/tmp` can be written"},
                   &F::read_only_root_filesystem),
      ObjectField<F>({"health", "", "When a replica counts as ready, and as dead"}, &F::health,
                     &HealthFields()),
      TextsField<F>(
          {"constraints", "", "Node labels, `key=value`, that a node must have (clusters)"},
          &F::constraints),
  };
}

std::vector<Field<F>> ServiceFields() {
  return {
      ObjectField<F>({"scaling", "", "How many replicas"}, &F::scaling, &ScalingFields()),
      MakeField<F, std::optional<uint32_t>>(
          {"replicas", "", "A fixed number, set by `hearth scale`: it overrides the autoscaler"},
          "whole number", &F::replicas,
          [](const Value& v, const std::string& path,
             ReadContext* c) -> std::optional<std::optional<uint32_t>> {
            const auto n = ReadWhole(v, std::numeric_limits<uint32_t>::max(), path, c);
            if (!n) return std::nullopt;
            return std::optional<uint32_t>(static_cast<uint32_t>(*n));
          },
          [](const std::optional<uint32_t>& n) { return Value::Number(Cat(n.value_or(0))); }),
      ObjectField<F>({"queue", "", "Requests that wait for a replica"}, &F::queue, &QueueFields()),
      WordField<F, Visibility>(
          {"visibility", "public", "`private`: callers authenticate"}, &F::visibility,
          {{"public", Visibility::kPublic}, {"private", Visibility::kPrivate}}),
      TextMapField<F>({"labels", "", "Shown, and passed to connectors; a change restarts nothing"},
                      &F::labels, Scalars::kTextOnly),
      TextMapField<F>({"annotations", "", "As labels, for longer texts"}, &F::annotations,
                      Scalars::kTextOnly),
  };
}

}  // namespace

const FieldTable<Resources>& ResourceFields() {
  static const FieldTable<Resources> table(
      {
          QuantityField<Resources>({"memory", "256Mi for limits",
                                    "Bytes: `256Mi`, `1Gi`; past it the function is killed"},
                                   &Resources::memory),
          QuantityField<Resources>({"cpu", "no limit", "CPUs: `500m` is half of one"},
                                   &Resources::cpu),
          Field<Resources>{"VENDOR/NAME",
                           "quantity",
                           "",
                           "Devices such as `nvidia.com/gpu: 1` (clusters)",
                           nullptr,
                           [](const Resources& value, const Resources&, Value* map) {
                             for (const auto& [key, text] : value.other) {
                               map->Set(key, Value::Text(text));
                             }
                           },
                           {}},
      },
      [](const std::string& key, const Value& v, const std::string& path, Resources* out,
         ReadContext* c) {
        if (key.find('/') == std::string::npos) return false;
        c->lines[path] = v.line;
        if (auto text = ReadQuantity(v, path, c)) out->other[key] = *text;
        return true;
      });
  return table;
}

const FieldTable<FunctionSpec>& SpecFields() {
  static const FieldTable<FunctionSpec> table([] {
    std::vector<Field<F>> all = CodeFields();
    for (auto& field : RunFields()) all.push_back(std::move(field));
    for (auto& field : ServiceFields()) all.push_back(std::move(field));
    return all;
  }());
  return table;
}

Mode DefaultMode(const FunctionSpec& spec) {
  if (!spec.runtime.empty()) return Mode::kNative;
  return spec.static_path.empty() ? Mode::kHttp : Mode::kStatic;
}

uint32_t DefaultConcurrency(Mode mode) {
  return mode == Mode::kHttp || mode == Mode::kStatic ? 0 : 1;
}

uint64_t DefaultMaxBody(Mode mode) { return mode == Mode::kNative ? 6ull << 20 : 0; }

void ApplyDefaults(const ReadContext& context, const std::string& prefix, FunctionSpec* spec) {
  if (!context.Has(prefix + ".mode")) spec->mode = DefaultMode(*spec);
  if (!context.Has(prefix + ".concurrency")) spec->concurrency = DefaultConcurrency(spec->mode);
  if (!context.Has(prefix + ".maxBodySize")) spec->max_body_bytes = DefaultMaxBody(spec->mode);
}

}  // namespace hearth::model
