#include "controller/api/api.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/controller/api/fake_platform.h"

using namespace hearth;
using namespace hearth::controller;
using nlohmann::json;

namespace {

struct Fixture {
  FakePlatform platform;
  Api api{&platform, [] {
            ApiOptions o;
            o.version = "1.2.3";
            o.arch = "x86_64";
            o.runtimes = [] {
              RuntimeInfo python;
              python.name = "python3";
              python.can_inline = true;
              return std::vector<RuntimeInfo>{python};
            };
            return o;
          }()};

  ApiResponse Send(std::string method, std::string path, const json& body = nullptr,
                   std::map<std::string, std::string> query = {}) {
    return SendText(std::move(method), std::move(path), body.is_null() ? "" : body.dump(),
                    std::move(query));
  }
  ApiResponse SendText(std::string method, std::string path, std::string body,
                       std::map<std::string, std::string> query = {}) {
    return api.Handle({std::move(method), std::move(path), std::move(query), std::move(body)});
  }
  static json Deployment(const std::string& name) {
    return {{"service", name},
            {"image", "docker.io/x/y:1"},
            {"labels", json::object()},
            {"annotations", json::object()}};
  }
};

std::string ErrorHeader(const ApiResponse& r) {
  for (const auto& [name, value] : r.headers) {
    if (name == "X-Hearth-Error") return value;
  }
  return "";
}

}  // namespace

TEST_CASE("faas-cli's upsert: PUT of an unknown function is 404, then POST, then PUT") {
  Fixture f;
  const ApiResponse unknown = f.Send("PUT", "/system/functions", Fixture::Deployment("a"));
  CHECK(unknown.status == 404);
  CHECK(ErrorHeader(unknown) == "controller;not_found");
  CHECK(f.Send("POST", "/system/functions", Fixture::Deployment("a")).status == 202);
  CHECK(f.Send("POST", "/system/functions", Fixture::Deployment("a")).status == 409);
  CHECK(f.Send("PUT", "/system/functions", Fixture::Deployment("a")).status == 202);
  CHECK(f.platform.functions.begin()->second.function.door == model::Door::kOpenFaasApi);
}

TEST_CASE("FunctionStatus as clients of the contract parse it") {
  Fixture f;
  json d = Fixture::Deployment("a");
  d["limits"] = {{"memory", "128Mi"}};
  d["labels"] = {{"com.openfaas.scale.min", "2"}};
  REQUIRE(f.Send("POST", "/system/functions", d).status == 202);
  const json s = json::parse(f.Send("GET", "/system/function/a").body);
  CHECK(s["name"] == "a");
  CHECK(s["namespace"] == "default");
  CHECK(s["image"] == "docker.io/x/y:1");
  CHECK(s["labels"]["faas_function"] == "a");
  CHECK(s["labels"]["com.openfaas.scale.min"] == "2");
  CHECK(s["annotations"].is_object());
  CHECK(s["limits"] == json({{"memory", "128Mi"}}));
  CHECK_FALSE(s.contains("requests"));
  CHECK_FALSE(s.contains("envVars"));
  CHECK_FALSE(s.contains("service"));
  CHECK(s["replicas"] == 2);
  CHECK(s["availableReplicas"] == 0);
  CHECK(s["invocationCount"] == 3);
  CHECK(s["createdAt"].get<std::string>().back() == 'Z');
  CHECK(f.Send("GET", "/system/function/b").status == 404);
  CHECK(json::parse(f.Send("GET", "/system/functions").body).size() == 1);
  const ApiResponse none = f.Send("GET", "/system/functions", nullptr, {{"namespace", "x"}});
  CHECK(none.body == "[]");
}

TEST_CASE("A namespace comes from the query, the body or the name") {
  Fixture f;
  f.platform.namespaces["team"] = {"team", {}, {}, {}};
  const std::map<std::string, std::string> in_query = {{"namespace", "team"}};
  json d = Fixture::Deployment("a");
  json remove = {{"functionName", "a"}};
  switch (GENERATE(0, 1, 2)) {
    case 0:
      d["namespace"] = "team";
      REQUIRE(f.Send("POST", "/system/functions", d).status == 202);
      break;
    case 1:
      REQUIRE(f.Send("POST", "/system/functions", d, in_query).status == 202);
      break;
    default:
      d["service"] = "a.team";
      REQUIRE(f.Send("POST", "/system/functions", d).status == 202);
  }
  CHECK(f.platform.functions.begin()->first == FunctionKey{"team", "a"});
  CHECK(f.Send("GET", "/system/function/a.team").status == 200);
  CHECK(f.Send("GET", "/system/function/a", nullptr, in_query).status == 200);
  CHECK(f.Send("GET", "/system/function/a").status == 404);
  CHECK(f.Send("POST", "/system/scale-function/a.team", {{"replicas", 1}}).status == 202);
  CHECK(f.Send("DELETE", "/system/functions", remove).status == 404);
  switch (GENERATE(0, 1, 2)) {
    case 0:
      remove["namespace"] = "team";
      CHECK(f.Send("DELETE", "/system/functions", remove).status == 202);
      break;
    case 1:
      CHECK(f.Send("DELETE", "/system/functions", remove, in_query).status == 202);
      break;
    default:
      remove["functionName"] = "a.team";
      CHECK(f.Send("DELETE", "/system/functions", remove).status == 202);
  }
  CHECK(f.platform.functions.empty());
}

TEST_CASE("openfaas-fn is the default namespace where it does not exist") {
  Fixture f;
  json d = Fixture::Deployment("a");
  d["namespace"] = "openfaas-fn";
  REQUIRE(f.Send("POST", "/system/functions", d).status == 202);
  CHECK(f.platform.functions.begin()->first == FunctionKey{"default", "a"});
  f.platform.namespaces["openfaas-fn"] = {"openfaas-fn", {}, {}, {}};
  CHECK(f.Send("PUT", "/system/functions", d).status == 404);
}

TEST_CASE("Scaling by hand") {
  Fixture f;
  REQUIRE(f.Send("POST", "/system/functions", Fixture::Deployment("a")).status == 202);
  const std::string path = "/system/scale-function/a";
  CHECK(f.Send("POST", path, {{"serviceName", "a"}, {"replicas", 0}}).status == 202);
  CHECK(f.platform.functions.begin()->second.function.spec.replicas == 0u);
  CHECK(f.Send("POST", path, {{"serviceName", "a"}, {"replicas", nullptr}}).status == 202);
  CHECK_FALSE(f.platform.functions.begin()->second.function.spec.replicas.has_value());
  for (const json& bad : {json(-1), json(1.5), json("2"), json(99999999)}) {
    INFO(bad);
    CHECK(f.Send("POST", path, {{"serviceName", "a"}, {"replicas", bad}}).status == 400);
  }
  CHECK(f.Send("POST", "/system/scale-function/b", {{"replicas", 1}}).status == 404);
  CHECK(f.Send("GET", path).status == 405);
}

TEST_CASE("Secrets: names come out, values never do") {
  Fixture f;
  const std::string path = "/system/secrets";
  const json secret = {{"name", "key"}, {"value", "hunter2"}};
  CHECK(f.Send("POST", path, secret).status == 202);
  const ApiResponse again = f.Send("POST", path, secret);
  CHECK(again.status == 409);
  CHECK(again.body.find("hunter2") == std::string::npos);
  CHECK(f.Send("GET", path).body == R"([{"name":"key","namespace":"default"}])");
  // base64 of "raw\0"; it wins over the text.
  CHECK(
      f.Send("PUT", path, {{"name", "key"}, {"value", "text"}, {"rawValue", "cmF3AA=="}}).status ==
      202);
  CHECK(f.platform.secrets.Read("default", "key").value() == std::string("raw\0", 4));
  CHECK(f.Send("PUT", path, {{"name", "none"}, {"value", "x"}}).status == 404);
  CHECK(f.Send("DELETE", path, {{"name", "none"}}).status == 404);
  const ApiResponse invalid = f.Send("POST", path, {{"name", "../x"}, {"value", "hunter2"}});
  CHECK(invalid.status == 422);
  CHECK(invalid.body.find("hunter2") == std::string::npos);
  CHECK(f.Send("POST", path, {{"value", "x"}}).status == 400);
  CHECK(f.Send("POST", path, {{"name", "k"}, {"value", 7}}).status == 422);
  CHECK(f.Send("DELETE", path, {{"name", "key"}}).status == 202);
  CHECK(f.Send("GET", path).body == "[]");
}

TEST_CASE("Namespaces, under both spellings") {
  Fixture f;
  CHECK(f.Send("GET", "/system/namespaces").body == R"(["default"])");
  const json body = {{"name", "team"}, {"labels", {{"openfaas", "1"}}}};
  CHECK(f.Send("POST", "/system/namespace/", body).status == 201);
  CHECK(f.Send("POST", "/system/namespace/team", body).status == 409);
  CHECK(json::parse(f.Send("GET", "/system/namespace/team").body)["name"] == "team");
  CHECK(f.Send("GET", "/system/namespaces/team").status == 200);
  CHECK(f.Send("GET", "/system/namespace/none").status == 404);
  CHECK(f.Send("PUT", "/system/namespace/team", {{"annotations", {{"a", "b"}}}}).status == 202);
  CHECK(f.platform.namespaces["team"].annotations["a"] == "b");
  CHECK(f.platform.namespaces["team"].labels["openfaas"] == "1");
  CHECK(f.Send("POST", "/system/namespace/x", {{"labels", {{"openfaas", "0"}}}}).status == 400);
  CHECK(f.Send("DELETE", "/system/namespace/team", body).status == 202);
  CHECK(f.Send("DELETE", "/system/namespace/team", body).status == 404);
}

TEST_CASE("/system/info has all the objects that clients dereference") {
  Fixture f;
  const json info = json::parse(f.Send("GET", "/system/info").body);
  CHECK(info["provider"]["version"]["release"] == "1.2.3");
  CHECK(info["provider"]["orchestration"] == "local");
  CHECK(info["version"]["release"] == "1.2.3");
  CHECK(info["arch"] == "x86_64");
  const json runtimes = json::parse(f.Send("GET", "/system/runtimes").body);
  CHECK(runtimes["items"][0]["inline"] == true);
}

namespace {

constexpr const char* kManifest = R"(apiVersion: hearth.dev/v1
kind: Function
metadata: {name: hello}
spec:
  runtime: python3
  source: {inline: "def handler(e, c): return 1"}
)";

}  // namespace

TEST_CASE("Manifests: created, unchanged, configured, rehearsed, read, removed") {
  Fixture f;
  const std::string path = "/system/v1/functions/default/hello";
  json r = json::parse(f.SendText("PUT", path, kManifest, {{"dryRun", "1"}}).body);
  CHECK(r["result"] == "created");
  CHECK(f.platform.functions.empty());
  const ApiResponse created = f.SendText("PUT", path, kManifest);
  CHECK(created.status == 200);
  r = json::parse(created.body);
  CHECK(r["result"] == "created");
  CHECK(r["object"]["metadata"]["name"] == "hello");
  CHECK(r["object"]["status"]["url"] == "/function/hello");
  CHECK(r["object"]["status"]["conditions"][0]["type"] == "Ready");
  CHECK(json::parse(f.SendText("PUT", path, kManifest).body)["result"] == "unchanged");
  // What is read can be written: JSON as well as YAML.
  json object = json::parse(f.Send("GET", path).body);
  CHECK(json::parse(f.Send("PUT", path, object).body)["result"] == "unchanged");
  object["spec"]["scaling"] = {{"max", 5}};
  CHECK(json::parse(f.Send("PUT", path, object).body)["result"] == "configured");
  CHECK(json::parse(f.Send("GET", "/system/v1/functions").body)["items"].size() == 1);
  CHECK(f.Send("DELETE", path).status == 202);
  CHECK(f.Send("DELETE", path).status == 404);
  CHECK(f.Send("GET", path).status == 404);
}

TEST_CASE("Bad manifests: 400 with every problem, its field and its line") {
  Fixture f;
  const std::string path = "/system/v1/functions/default/hello";
  const std::string bad = std::string(kManifest) + "  timeot: 5s\n";
  const ApiResponse r = f.SendText("PUT", path, bad);
  CHECK(r.status == 400);
  CHECK(ErrorHeader(r) == "controller;invalid_argument");
  const json body = json::parse(r.body);
  REQUIRE(body["problems"].size() == 1);
  CHECK(body["problems"][0]["field"] == "spec.timeot");
  CHECK(body["problems"][0]["line"] == 7);
  CHECK(f.SendText("PUT", "/system/v1/functions/default/other", kManifest).status == 400);
  CHECK(f.SendText("PUT", path, "").status == 400);
  CHECK(f.SendText("PUT", path, "{{{").status == 400);
  CHECK(f.platform.functions.empty());

  f.platform.refuse = InvalidArgument("spec.secrets: secret \"x\" is missing");
  const json refused = json::parse(f.SendText("PUT", path, kManifest).body);
  CHECK(refused["field"] == "spec.secrets");
  CHECK(refused["problems"][0]["message"] == "secret \"x\" is missing");
}

TEST_CASE("What is not JSON, not an object, or not there") {
  Fixture f;
  for (const char* path : {"/system/functions", "/system/secrets", "/system/scale-function/x",
                           "/system/namespace/x"}) {
    DYNAMIC_SECTION(path) {
      CHECK(f.SendText("POST", path, "{not json").status == 400);
      CHECK(f.SendText("POST", path, "[]").status == 400);
      CHECK(f.SendText("POST", path, "").status == 400);
      CHECK(f.SendText("PATCH", path, "{}").status == 405);
    }
  }
  CHECK(f.Send("GET", "/system/nothing").status == 404);
  CHECK(f.Send("GET", "/system/functionsx").status == 404);
  CHECK(f.Send("GET", "/system/v1/functions/a/b/c").status == 404);
  f.platform.refuse = absl::UnavailableError("the disk is full");
  CHECK(f.Send("POST", "/system/functions", Fixture::Deployment("a")).status == 503);
}
