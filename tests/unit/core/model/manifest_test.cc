#include "core/model/manifest.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"

namespace hearth::model {
namespace {

using namespace std::chrono_literals;

std::string Text(const std::vector<Problem>& problems) {
  return std::string(Message(ToStatus(problems)));
}

Function ParseOne(std::string_view text, ParseOptions options = {}) {
  const Parsed parsed = ParseManifest(text, options);
  INFO(Text(parsed.problems));
  REQUIRE(parsed.problems.empty());
  REQUIRE(parsed.functions.size() == 1);
  return parsed.functions.front();
}

std::string ProblemsOf(std::string_view text, const ParseOptions& options = {}) {
  const Parsed parsed = ParseManifest(text, options);
  CHECK(parsed.functions.empty());
  return Text(parsed.problems);
}

std::string Manifest(std::string_view spec) {
  return "apiVersion: hearth.dev/v1\nkind: Function\nmetadata:\n  name: f\nspec:\n" +
         std::string(spec);
}

TEST_CASE("a manifest with every field") {
  const Function f = ParseOne(R"(
apiVersion: hearth.dev/v1
kind: Function
metadata:
  name: every
  namespace: team
  labels: {from: metadata}
spec:
  runtime: python3
  handler: app.main
  source:
    files:
      app.py: |
        def main(e, c):
            return 1
      lib/x.txt: ""
  command: /usr/bin/python3 -u /var/runtime/bootstrap.py
  mode: native
  event: raw
  environment: {A: "1", B: text}
  secrets: [one, two.key]
  limits: {memory: 512Mi, cpu: 1, nvidia.com/gpu: "1"}
  requests: {memory: 64Mi, cpu: 100m}
  concurrency: 4
  timeout: 1m30s
  streamIdleTimeout: 10s
  maxDuration: 1h
  maxBodySize: 1Mi
  readOnlyRootFilesystem: true
  health: {path: /ready, initialDelay: 1s, period: 3s, timeout: 2s, failureThreshold: 5, startupTimeout: 10s}
  constraints: [disk=ssd]
  scaling: {min: 1, max: 7, metric: rps, target: 12.5, idleTimeout: 30s}
  replicas: 2
  queue: {maxRequests: 5, maxSize: 1Mi, maxWait: 5s}
  visibility: private
  labels: {tier: gold}
  annotations: {note: hello}
)");
  CHECK(f.key == FunctionKey{"team", "every"});
  const FunctionSpec& s = f.spec;
  CHECK(s.runtime == "python3");
  CHECK(s.handler == "app.main");
  CHECK(s.source.files.at("app.py") == "def main(e, c):\n    return 1\n");
  CHECK(s.source.files.at("lib/x.txt").empty());
  CHECK(s.command ==
        std::vector<std::string>{"/usr/bin/python3", "-u", "/var/runtime/bootstrap.py"});
  CHECK(s.event == EventFormat::kRaw);
  CHECK(s.environment.at("A") == "1");
  CHECK(s.secrets == std::vector<std::string>{"one", "two.key"});
  CHECK(s.limits.memory == "512Mi");
  CHECK(s.limits.cpu == "1");
  CHECK(s.limits.other.at("nvidia.com/gpu") == "1");
  CHECK(s.requests.cpu == "100m");
  CHECK(s.concurrency == 4);
  CHECK(s.timeout == 90s);
  CHECK(s.stream_idle_timeout == 10s);
  CHECK(s.max_duration == 1h);
  CHECK(s.max_body_bytes == 1u << 20);
  CHECK(s.read_only_root_filesystem);
  CHECK(s.health.path == "/ready");
  CHECK(s.health.failure_threshold == 5);
  CHECK(s.health.startup_timeout == 10s);
  CHECK(s.constraints == std::vector<std::string>{"disk=ssd"});
  CHECK(s.scaling.min == 1);
  CHECK(s.scaling.max == 7);
  CHECK(s.scaling.metric == "rps");
  CHECK(s.scaling.target == 12.5);
  CHECK(s.scaling.idle_timeout == 30s);
  CHECK(s.replicas == 2u);
  CHECK(s.queue.max_requests == 5);
  CHECK(s.queue.max_wait == 5s);
  CHECK(s.visibility == Visibility::kPrivate);
  CHECK(s.labels.at("tier") == "gold");
  CHECK(s.labels.at("from") == "metadata");
  CHECK(s.annotations.at("note") == "hello");

  auto again = FromManifestJson(ToManifestJson(f), {});
  REQUIRE(again.ok());
  CHECK(again->spec == f.spec);
  CHECK(ParseOne(ToManifestYaml(f)).spec == f.spec);
}

TEST_CASE("defaults follow from what the function is made of") {
  const Function native = ParseOne(Manifest("  runtime: bash\n  source: {inline: x}\n"));
  CHECK(native.key.ns == "default");
  CHECK(native.spec.mode == Mode::kNative);
  CHECK(native.spec.concurrency == 1);
  CHECK(native.spec.max_body_bytes == 6u << 20);
  CHECK(native.spec.scaling.min == 0);
  CHECK(native.spec.scaling.max == 20);
  CHECK(native.spec.timeout == 60s);

  const Function image = ParseOne(Manifest("  image: nginx:1\n"));
  CHECK(image.spec.mode == Mode::kHttp);
  CHECK(image.spec.concurrency == 0);
  CHECK(image.spec.max_body_bytes == 0);

  const Function process = ParseOne(Manifest("  command: [/bin/cat]\n  mode: streaming\n"));
  CHECK(process.spec.concurrency == 1);
  CHECK(process.spec.max_body_bytes == 0);

  CHECK(process.spec.protocol == Protocol::kHttp1);
  const Function grpc =
      ParseOne(Manifest("  command: [/bin/server]\n  mode: http\n  protocol: h2c\n"));
  CHECK(grpc.spec.protocol == Protocol::kH2c);

  const Function files =
      ParseOne(Manifest("  staticPath: public\n  source: {files: {public/index.html: hi}}\n"));
  CHECK(files.spec.mode == Mode::kStatic);
  CHECK(files.spec.concurrency == 0);
}

TEST_CASE("wrong manifests: every problem with field, line and remedy") {
  struct Case {
    std::string name, text;
    std::vector<std::string> needles;
  };
  const std::string code = "  runtime: bash\n  source: {inline: x}\n";
  const std::vector<Case> cases = {
      {"unknown field",
       Manifest(code + "  timout: 5s\n"),
       {"line 8: spec.timout", "did you mean \"timeout\"?"}},
      {"h2c where no server is",
       Manifest(code + "  protocol: h2c\n"),
       {"line 8: spec.protocol", "native", "mode: http"}},
      {"unknown protocol",
       Manifest("  command: [/s]\n  mode: http\n  protocol: h2\n"),
       {"spec.protocol", "http1", "h2c"}},
      {"misplaced field", Manifest(code + "  idleTimeout: 5s\n"), {"belongs in \"scaling\""}},
      {"name of another system",
       Manifest(code + "  env: {A: b}\n"),
       {"did you mean \"environment\"?"}},
      {"capitals", Manifest(code + "  Timeout: 5s\n"), {"did you mean \"timeout\"?"}},
      {"field outside of spec", Manifest(code) + "timeout: 5s\n", {"line 8", "below \"spec\""}},
      {"number for text",
       Manifest(code + "  environment: {PORT: 80}\n"),
       {"spec.environment.PORT", "write \"80\" in quotes"}},
      {"text for number",
       Manifest(code + "  concurrency: many\n"),
       {"spec.concurrency", "whole number", "\"many\""}},
      {"negative", Manifest(code + "  concurrency: -1\n"), {"spec.concurrency", "-1"}},
      {"too large", Manifest(code + "  concurrency: 99999999999\n"), {"spec.concurrency"}},
      {"no unit", Manifest(code + "  timeout: 30\n"), {"has no unit", "\"30s\""}},
      {"bad duration", Manifest(code + "  timeout: fast\n"), {"line 8: spec.timeout", "fast"}},
      {"zero timeout", Manifest(code + "  timeout: 0s\n"), {"line 8: spec.timeout"}},
      {"wrong word",
       Manifest(code + "  mode: htpp\n"),
       {"one of native, http", "did you mean \"http\"?"}},
      {"not a list", Manifest(code + "  secrets: a\n"), {"must be a list", "[a]"}},
      {"not a map", Manifest(code + "  scaling: 5\n"), {"spec.scaling", "map"}},
      {"min over max",
       Manifest(code + "  scaling:\n    min: 5\n    max: 2\n"),
       {"line 9: spec.scaling.min: min (5) is larger than max (2)"}},
      {"tiny memory", Manifest(code + "  limits: {memory: 1Ki}\n"), {"spec.limits.memory", "16Mi"}},
      {"bad quantity", Manifest(code + "  limits: {memory: lots}\n"), {"\"lots\""}},
      {"bad cpu", Manifest(code + "  limits: {cpu: -1}\n"), {"spec.limits.cpu", "-1"}},
      {"requests over limits",
       Manifest(code + "  limits: {memory: 64Mi}\n  requests: {memory: 1Gi}\n"),
       {"requests.memory (1Gi) is larger"}},
      {"reserved",
       Manifest(code + "  environment: {AWS_LAMBDA_X: a, HEARTH_Y: b, _Z: c}\n"),
       {"AWS_LAMBDA_X", "HEARTH_Y", "_Z"}},
      {"variable name", Manifest(code + "  environment: {a-b: x}\n"), {"\"a-b\""}},
      {"secret twice", Manifest(code + "  secrets: [a, a]\n"), {"spec.secrets[1]", "twice"}},
      {"secret path", Manifest(code + "  secrets: [../a]\n"), {"spec.secrets[0]"}},
      {"image and runtime", Manifest(code + "  image: x\n"), {"image", "runtime"}},
      {"nothing to run", Manifest("  timeout: 5s\n"), {"spec.runtime", "spec.image"}},
      {"no code", Manifest("  runtime: bash\n"), {"spec.source", "bash"}},
      {"two sources",
       Manifest("  runtime: bash\n  source: {inline: x, files: {a: b}}\n"),
       {"more than one form"}},
      {"path at the server", Manifest("  runtime: bash\n  source: {path: ./x}\n"), {"hearth up"}},
      {"escaping file",
       Manifest("  runtime: bash\n  source: {files: {../x: b}}\n"),
       {"spec.source.files.../x", "\"..\""}},
      {"digest", Manifest("  runtime: bash\n  source: {bundle: md5:1}\n"), {"sha256:"}},
      {"health path", Manifest(code + "  health: {path: ready}\n"), {"begin with \"/\""}},
      {"constraint", Manifest(code + "  constraints: [ssd]\n"), {"key=value"}},
      {"key twice", Manifest(code + "  timeout: 1s\n  timeout: 2s\n"), {"line 9", "twice"}},
      {"upper case",
       "apiVersion: hearth.dev/v1\nkind: Function\nmetadata: {name: Wrong}\nspec:\n" + code,
       {"line 3: metadata.name", "\"Wrong\""}},
      {"no name",
       "apiVersion: hearth.dev/v1\nkind: Function\nspec:\n" + code,
       {"metadata.name", "missing"}},
      {"kind", "apiVersion: hearth.dev/v1\nkind: Functoin\n", {"line 2: kind", "Functoin"}},
      {"version", "apiVersion: hearth.dev/v9\nkind: Function\n", {"hearth.dev/v9"}},
      {"no version", "kind: Function\n", {"apiVersion: hearth.dev/v1"}},
      {"not YAML", "apiVersion: [unclosed\n", {"line", "not YAML"}},
      {"text", "hello", {"not a manifest"}},
      {"empty", " \n# nothing\n", {"empty"}},
      {"not UTF-8", "apiVersion: x\nkind: \xff\n", {"line 2", "UTF-8"}},
      {"same name twice", Manifest(code) + "---\n" + Manifest(code), {"twice"}},
  };
  for (const auto& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const std::string text = ProblemsOf(c.text);
      for (const auto& needle : c.needles) {
        CHECK_THAT(text, Catch::Contains(needle));
      }
    }
  }
}

TEST_CASE("all problems are told at once") {
  const Parsed parsed = ParseManifest(
      Manifest("  runtime: bash\n  source: {inline: x}\n  a1: 1\n  timeout: x\n  mode: y\n"), {});
  CHECK(parsed.problems.size() == 3);
}

TEST_CASE("JSON manifests have lines as well") {
  const Parsed parsed = ParseManifest(
      "{\n\"apiVersion\": \"hearth.dev/v1\",\n\t\"kind\": \"Function\",\n\"metadata\": "
      "{\"name\": \"f\"},\n\"spec\": {\n\"image\": \"x\",\n\"timeout\": \"bad\"}}",
      {});
  REQUIRE(parsed.problems.size() == 1);
  CHECK(parsed.problems[0].line == 7);
  CHECK(parsed.problems[0].field == "spec.timeout");
}

TEST_CASE("several documents, lists, anchors") {
  const Parsed parsed = ParseManifest(
      Manifest("  image: a\n") + "---\n---\n" +
          "apiVersion: openfaas.com/v1\nkind: Function\nmetadata: {name: g}\nspec: {name: g, "
          "image: b}\n",
      {});
  REQUIRE(parsed.problems.empty());
  CHECK(parsed.functions.size() == 2);

  const Parsed list = ParseManifest(
      R"({"items": [{"apiVersion": "hearth.dev/v1", "kind": "Function",
          "metadata": {"name": "a"}, "spec": {"image": "x"}, "status": {"replicas": 1}}]})",
      {});
  REQUIRE(list.problems.empty());
  CHECK(list.functions.front().key.name == "a");

  const Function merged = ParseOne(
      Manifest("  image: x\n  environment: &e {A: \"1\"}\n  labels:\n    <<: *e\n    B: \"2\"\n"));
  CHECK(merged.spec.labels == std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}});
}

TEST_CASE("a document that grows by aliases is refused") {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int k = 0; k < 9; ++k) text += ", " + below;
    text += "]\n";
  }
  CHECK_THAT(ProblemsOf(text), Catch::Contains("too many values"));
  CHECK_THAT(ProblemsOf(std::string(200, '[') + std::string(200, ']')), Catch::Contains("deep"));
}

TEST_CASE("brackets that open nothing, and aliases of what is not whole, end") {
  CHECK_THAT(ProblemsOf("{\"a\": 6, /b\": \"c\"}},\n\"d\": {}}\n"), Catch::Contains("line 1"));
  CHECK_THAT(ProblemsOf("a: &a\n  b: *a\n"), Catch::Contains("alias"));
  CHECK_THAT(ProblemsOf("a: *nowhere\n"), Catch::Contains("line 1"));
  CHECK_THAT(ProblemsOf("? [k]\n: v\n"), Catch::Contains("key"));
}

TEST_CASE("metadata of a cluster is let pass, the door is remembered") {
  Function f = ParseOne(
      "apiVersion: hearth.dev/v1\nkind: Function\nmetadata:\n  name: f\n  uid: x\n"
      "  generation: 7\n  resourceVersion: '9'\n  managedFields: []\n"
      "  creationTimestamp: '2024-05-01T12:00:00Z'\n  annotations:\n"
      "    kubectl.kubernetes.io/last-applied-configuration: '{}'\n    keep: this\n"
      "spec: {image: x}\nstatus: {replicas: 1}\n");
  CHECK(f.generation == 7);
  CHECK(f.created != WallTime{});
  CHECK(f.spec.annotations == std::map<std::string, std::string>{{"keep", "this"}});
  f.door = Door::kOpenFaasApi;
  auto again = FromManifestJson(ToManifestJson(f), {});
  REQUIRE(again.ok());
  CHECK(again->door == Door::kOpenFaasApi);
  CHECK(again->generation == 7);
  CHECK(again->created == f.created);
  CHECK(again->spec == f.spec);
}

TEST_CASE("YAML output quotes what would be another type") {
  Function f;
  f.key = {"default", "f"};
  f.spec.image = "x";
  f.spec.mode = Mode::kHttp;
  f.spec.concurrency = 0;
  f.spec.max_body_bytes = 0;
  f.spec.environment = {{"A", "true"}, {"B", "8080"}, {"C", "no"},     {"D", ""},
                        {"E", "a: b"}, {"F", "~"},    {"G", "x\ny\n"}, {"H", " lead"},
                        {"I", "a #b"}, {"J", "1e3"},  {"K", "tab\t"},  {"L", "ünï"}};
  const Function again = ParseOne(ToManifestYaml(f));
  CHECK(again.spec == f.spec);
}

TEST_CASE("the reference names every field") {
  const std::string reference = ManifestReference();
  for (const char* name : {"`runtime`", "`scaling.idleTimeout`", "`limits.memory`", "`visibility`",
                           "`source.inline`", "`health.startupTimeout`"}) {
    CHECK_THAT(reference, Catch::Contains(name));
  }
}

}  // namespace
}  // namespace hearth::model
