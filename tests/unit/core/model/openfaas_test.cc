#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/model/manifest.h"

namespace hearth::model {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

std::string Text(const std::vector<Problem>& problems) {
  return std::string(Message(ToStatus(problems)));
}

Function ParseOne(std::string_view text, const ParseOptions& options = {}) {
  const Parsed parsed = ParseManifest(text, options);
  INFO(Text(parsed.problems));
  REQUIRE(parsed.problems.empty());
  REQUIRE(parsed.functions.size() == 1);
  return parsed.functions.front();
}

FunctionSpec WithLabels(const std::map<std::string, std::string>& labels) {
  auto f = FromDeploymentJson({{"service", "f"}, {"image", "x"}, {"labels", labels}}, {});
  INFO(f.status().ToString());
  REQUIRE(f.ok());
  return f->spec;
}

TEST_CASE("openfaas.com/v1") {
  const Function f = ParseOne(R"(
apiVersion: openfaas.com/v1
kind: Function
metadata:
  name: figlet
  namespace: openfaas-fn
spec:
  name: figlet
  image: ghcr.io/openfaas/figlet:latest
  handler: figlet -w 80
  environment: {write_debug: "true", max_inflight: "5", exec_timeout: "10s"}
  labels: {com.openfaas.scale.min: "2", com.openfaas.scale.max: "5"}
  annotations: {topic: cron-function, com.openfaas.health.http.path: /healthz}
  constraints: [node.kubernetes.io/instance-type=k3s]
  secrets: [s]
  limits: {memory: 40Mi, cpu: 100m}
  readOnlyRootFilesystem: true
)");
  CHECK(f.door == Door::kOpenFaas);
  CHECK(f.key == FunctionKey{"openfaas-fn", "figlet"});
  CHECK(f.spec.mode == Mode::kHttp);
  CHECK(f.spec.environment.at("fprocess") == "figlet -w 80");
  CHECK(f.spec.concurrency == 5);
  CHECK(f.spec.timeout == 10s);
  CHECK(f.spec.scaling.min == 2);
  CHECK(f.spec.scaling.max == 5);
  CHECK(f.spec.health.path == "/healthz");
  CHECK(f.spec.annotations.at("topic") == "cron-function");
  CHECK(f.spec.read_only_root_filesystem);
  // Stored and read again it is the same function.
  auto again = FromManifestJson(ToManifestJson(f), {});
  REQUIRE(again.ok());
  CHECK(again->spec == f.spec);
  CHECK(again->door == f.door);
}

TEST_CASE("one replica is always there, unless the label says otherwise") {
  CHECK(WithLabels({}).scaling.min == 1);
  CHECK(WithLabels({}).scaling.max == 20);
  CHECK(WithLabels({{"com.openfaas.scale.zero", "true"}}).scaling.min == 0);
  CHECK(WithLabels({{"com.openfaas.scale.zero", "false"}}).scaling.min == 1);
  CHECK(
      WithLabels({{"com.openfaas.scale.zero", "true"}, {"com.openfaas.scale.zero-duration", "30m"}})
          .scaling.idle_timeout == 30min);
  CHECK(WithLabels({{"com.openfaas.scale.min", "30"}}).scaling.max == 30);
  CHECK(WithLabels({{"com.openfaas.scale.type", "capacity"}}).scaling.metric == "concurrency");
  CHECK(WithLabels(
            {{"com.openfaas.scale.target", "50"}, {"com.openfaas.scale.target-proportion", "0.5"}})
            .scaling.target == 25);
}

TEST_CASE("labels that make no sense are named") {
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"com.openfaas.scale.min", "many"},
                                          {"com.openfaas.scale.max", "-1"},
                                          {"com.openfaas.scale.zero", "perhaps"},
                                          {"com.openfaas.scale.target", "0"},
                                          {"com.openfaas.scale.zero-duration", "soon"}}) {
    auto f = FromDeploymentJson({{"service", "f"}, {"image", "x"}, {"labels", {{key, value}}}}, {});
    REQUIRE_FALSE(f.ok());
    CHECK_THAT(std::string(Message(f.status())), Catch::Contains(key) && Catch::Contains(value));
  }
}

TEST_CASE("FunctionDeployment both ways") {
  const json sent = {
      {"service", "env"},
      {"namespace", "fn"},
      {"image", "functions/alpine:latest"},
      {"envProcess", "env"},
      {"envVars", {{"A", "b"}}},
      {"constraints", {"a=b"}},
      {"secrets", {"s"}},
      {"labels", {{"com.openfaas.scale.zero", "true"}}},
      {"annotations", {{"note", "x"}}},
      {"limits", {{"memory", "128Mi"}}},
      {"requests", {{"memory", "20Mi"}, {"cpu", "10m"}}},
      {"readOnlyRootFilesystem", true},
  };
  auto f = FromDeploymentJson(sent, {});
  REQUIRE(f.ok());
  CHECK(f->door == Door::kOpenFaasApi);
  CHECK(f->spec.environment.at("fprocess") == "env");
  CHECK(ToDeploymentJson(*f) == sent);
}

TEST_CASE("FunctionDeployment: short and unusual forms") {
  auto f = FromDeploymentJson({{"service", "f.team"}, {"image", "x"}, {"newField", 1}}, {});
  REQUIRE(f.ok());
  CHECK(f->key == FunctionKey{"team", "f"});
  const json back = ToDeploymentJson(*f);
  CHECK(back["labels"].is_object());
  CHECK(back["annotations"].is_object());
  for (const char* absent : {"envVars", "limits", "requests", "envProcess", "secrets"}) {
    CHECK_FALSE(back.contains(absent));
  }
  CHECK_FALSE(FromDeploymentJson(json::array(), {}).ok());
  CHECK_FALSE(FromDeploymentJson({{"image", "x"}}, {}).ok());
  CHECK_FALSE(FromDeploymentJson({{"service", "f"}}, {}).ok());
  CHECK_FALSE(FromDeploymentJson({{"service", "F F"}, {"image", "x"}}, {}).ok());
  CHECK_FALSE(FromDeploymentJson({{"service", "f"}, {"image", 5}}, {}).ok());
}

constexpr std::string_view kStack = R"(
version: 1.0
provider:
  name: openfaas
  gateway: ${GATEWAY:-http://127.0.0.1:8080}
functions:
  ours:
    lang: python3
    handler: ./ours
    image: me/ours:${TAG:-latest}
    environment:
      debug: true
      port: 80
      who: ${WHO}
    environment_file: [env.yml]
    labels: {com.openfaas.scale.zero: true}
    limits: {memory: 64Mi}
    build_args: {X: y}
  theirs:
    lang: golang-middleware
    handler: ./theirs
    image: me/theirs:1
    fprocess: ./handler
    skip_build: true
)";

TEST_CASE("stack.yml") {
  ParseOptions options;
  options.side = Side::kClient;
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "WHO") return "me";
    return std::nullopt;
  };
  options.read_file = [](const std::string& path) -> absl::StatusOr<std::string> {
    if (path == "env.yml") return std::string("environment:\n  debug: 'file'\n  more: 1\n");
    return NotFound("no such file");
  };
  const Parsed parsed = ParseManifest(kStack, options);
  INFO(Text(parsed.problems));
  REQUIRE(parsed.problems.empty());
  REQUIRE(parsed.functions.size() == 2);
  CHECK(parsed.gateway == "http://127.0.0.1:8080");
  const FunctionSpec& ours = parsed.functions[0].spec;
  CHECK(parsed.functions[0].door == Door::kStack);
  CHECK(ours.runtime == "python3");
  CHECK(ours.source.path == "./ours");
  CHECK(ours.image.empty());
  CHECK(ours.environment == std::map<std::string, std::string>{
                                {"debug", "file"}, {"more", "1"}, {"port", "80"}, {"who", "me"}});
  CHECK(ours.scaling.min == 0);
  const FunctionSpec& theirs = parsed.functions[1].spec;
  CHECK(theirs.image == "me/theirs:1");
  CHECK(theirs.environment.at("fprocess") == "./handler");
  CHECK(theirs.scaling.min == 1);
}

TEST_CASE("stack.yml: a language that is no runtime is deployed as its image") {
  ParseOptions options;
  options.side = Side::kClient;
  options.is_runtime = [](std::string_view name) { return name == "python3"; };
  const Function f = ParseOne(
      "provider: {name: openfaas}\nfunctions:\n  f: {lang: golang-http, handler: ./f, image: "
      "'x:1'}\n",
      options);
  CHECK(f.spec.image == "x:1");
  CHECK(f.spec.runtime.empty());
}

TEST_CASE("wrong stacks") {
  struct Case {
    std::string name, text;
    std::vector<std::string> needles;
  };
  const std::vector<Case> cases = {
      {"unknown field",
       "functions:\n  f:\n    image: x\n    enviroment: {}\n",
       {"line 4: functions.f.enviroment", "environment"}},
      {"unknown top", "functions:\n  f: {image: x}\nprovders: {}\n", {"line 3", "provider"}},
      {"provider", "provider: {name: faasd2}\nfunctions: {}\n", {"provider.name"}},
      {"bad name", "functions:\n  Bad_Name: {image: x}\n", {"line 2", "Bad_Name"}},
      {"no image", "functions:\n  f: {}\n", {"functions.f.image"}},
      {"not a map", "functions: [a]\n", {"functions"}},
      {"environment file", "functions:\n  f: {image: x, environment_file: [e.yml]}\n", {"e.yml"}},
      {"memory",
       "functions:\n  f:\n    image: x\n    limits:\n      memory: 1Ki\n",
       {"line 5: functions.f.limits.memory"}},
  };
  for (const auto& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const std::string text = Text(ParseManifest(c.text, {}).problems);
      for (const auto& needle : c.needles) CHECK_THAT(text, Catch::Contains(needle));
    }
  }
}

}  // namespace
}  // namespace hearth::model
