#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/build/run_program.h"
#include "cli/commands/completion.h"
#include "cli/commands/help.h"
#include "tests/unit/cli/commands/harness.h"

namespace hearth::cli {
namespace {

using Catch::Contains;
using nlohmann::json;

const std::string kManifest =
    "apiVersion: hearth.dev/v1\nkind: Function\nmetadata: {name: f}\n"
    "spec: {runtime: python3, source: {inline: x}}\n";

json Object(const char* ready, const char* reason, uint64_t generation = 1) {
  return {
      {"apiVersion", "hearth.dev/v1"},
      {"kind", "Function"},
      {"metadata",
       {{"name", "f"},
        {"namespace", "default"},
        {"generation", generation},
        {"creationTimestamp", "2024-05-01T11:00:00Z"}}},
      {"spec", {{"runtime", "python3"}, {"secrets", {"key"}}, {"environment", {{"A", "b"}}}}},
      {"status",
       {{"observedGeneration", generation},
        {"revision", "r-1"},
        {"readyRevision", "r-1"},
        {"replicas", 1},
        {"availableReplicas", 1},
        {"desiredReplicas", 2},
        {"invocations", 7},
        {"conditions",
         {{{"type", "Ready"}, {"status", ready}, {"reason", reason}, {"message", "because"}}}}}}};
}

void OnDeploy(Harness& h, const json& object, const char* result = "created") {
  h.gateway.On("PUT /system/v1/functions/default/f", 200,
               json{{"result", result}, {"object", object}}.dump());
}

TEST_CASE("help, and command lines that are wrong") {
  Harness h;
  CHECK(h.Run({"--help"}) == 0);
  CHECK_THAT(h.out, Contains("deploy") && Contains("secret create|list|update|remove"));
  CHECK(h.Run({}) == 2);
  CHECK(h.Run({"deploy", "--help"}) == 0);
  CHECK_THAT(h.out, Contains("usage: hearth deploy") && Contains("--filter"));
  CHECK(h.Run({"help", "secret", "create"}) == 0);
  CHECK_THAT(h.out, Contains("--from-file"));
  CHECK(h.Run({"--version"}) == 0);
  CHECK(h.Run({"deplyo"}) == 2);
  CHECK_THAT(h.err, Contains("did you mean \"deploy\"?"));
  CHECK(h.Run({"secret", "craete"}) == 2);
  CHECK_THAT(h.err, Contains("\"create\""));
  CHECK(h.Run({"secret"}) == 2);
  CHECK(h.Run({"list", "--nonsense"}) == 2);
  CHECK_THAT(h.err, Contains("--nonsense") && Contains("hearth list --help"));
  CHECK(h.Run({"describe"}) == 2);
  CHECK(h.Run({"describe", "a", "b"}) == 2);
  CHECK(h.Run({"describe", "Bad_Name"}) == 2);
  CHECK(h.gateway.seen.empty());
}

TEST_CASE("no gateway: what to do is said") {
  Harness h;
  h.gateway.reachable = false;
  CHECK(h.Run({"list"}) == 1);
  CHECK_THAT(h.err, Contains("http://gw") && Contains("HEARTH_URL") && Contains("hearth serve"));
}

TEST_CASE("credentials are wanted or wrong") {
  Harness h;
  h.gateway.On("GET /system/v1/functions", 401);
  CHECK(h.Run({"list"}) == 1);
  CHECK_THAT(h.err, Contains("hearth login --gateway http://gw"));
  CHECK(h.gateway.seen.back().Header("Authorization").empty());
  h.environment["HEARTH_PASSWORD"] = "p";
  CHECK(h.Run({"list"}) == 1);
  CHECK_THAT(h.err, Contains("does not accept"));
  CHECK(h.gateway.seen.back().Header("authorization") == "Basic YWRtaW46cA==");
}

TEST_CASE("list") {
  Harness h;
  json second = Object("False", "CrashLoop");
  second["metadata"]["name"] = "a";
  h.gateway.On("GET /system/v1/functions", 200,
               json{{"items", {Object("True", "Serving"), second}}}.dump());
  CHECK(h.Run({"list"}) == 0);
  CHECK_THAT(h.out,
             Contains("NAME   NAMESPACE   STATE") &&
                 Contains("a      default     Failed: CrashLoop   1/2        7") &&
                 Contains("f      default     Ready               1/2        7             1h"));
  CHECK(h.out.find("a  ") < h.out.find("f  "));
  CHECK(h.Run({"list", "-q"}) == 0);
  CHECK(h.out == "a\nf\n");
  CHECK(h.Run({"list", "-o", "json"}) == 0);
  CHECK(json::parse(h.out)["items"].size() == 2);
  CHECK(h.Run({"list", "-o", "xml"}) == 2);
  h.gateway.On("GET /system/v1/functions?namespace=team", 200, R"({"items":[]})");
  CHECK(h.Run({"ls", "-n", "team"}) == 0);
  CHECK_THAT(h.err, Contains("no functions"));
}

TEST_CASE("describe shows everything but secrets' values") {
  Harness h;
  json object = Object("False", "CrashLoop");
  object["status"]["recentLogs"] = {"last\033[2J words"};
  object["status"]["readyRevision"] = "r-0";
  h.gateway.On("GET /system/v1/functions/default/f", 200, object.dump());
  CHECK(h.Run({"describe", "f"}) == 0);
  CHECK_THAT(h.out, Contains("Failed: CrashLoop") && Contains("because") && Contains("A=b") &&
                        Contains("http://gw/function/f\n") && Contains("last?[2J words") &&
                        Contains("Serving revision:     r-0") && Contains("key"));
  h.gateway.On("GET /system/v1/functions/team/f", 404, R"({"error":"there is no function f"})");
  CHECK(h.Run({"describe", "f.team"}) == 1);
  CHECK(h.err == "error: there is no function f\n");
}

TEST_CASE("deploy waits until the function is ready") {
  Harness h;
  h.input = kManifest;
  OnDeploy(h, Object("Unknown", "Deploying", 3));
  const std::string get = "GET /system/v1/functions/default/f";
  h.gateway.On(get, 200, Object("True", "Serving", 2).dump());  // of the spec before
  h.gateway.On(get, 200, Object("Unknown", "Deploying", 3).dump());
  json other = Object("True", "Serving", 3);
  other["status"]["readyRevision"] = "r-0";
  h.gateway.On(get, 200, other.dump());
  h.gateway.On(get, 200, Object("True", "Serving", 3).dump());
  CHECK(h.Run({"deploy", "-f", "-"}) == 0);
  CHECK_THAT(h.out, Contains("f: created, ready after") && Contains("http://gw/function/f"));
  CHECK(h.gateway.seen.size() == 5);
  const json sent = json::parse(h.gateway.seen[0].body);
  CHECK(sent["apiVersion"] == "hearth.dev/v1");
  CHECK(sent["spec"]["source"]["inline"] == "x");
}

TEST_CASE("deploy tells why a function does not become ready") {
  Harness h;
  h.input = kManifest;
  json failed = Object("False", "RevisionFailed");
  failed["status"]["recentLogs"] = {"Traceback", "KeyError"};
  OnDeploy(h, Object("Unknown", "Deploying"));
  h.gateway.On("GET /system/v1/functions/default/f", 200, failed.dump());
  CHECK(h.Run({"deploy", "-f", "-"}) == 1);
  CHECK_THAT(h.err, Contains("RevisionFailed: because") && Contains("  KeyError"));
}

TEST_CASE("deploy gives up waiting, and says that the platform does not") {
  Harness h;
  h.input = kManifest;
  OnDeploy(h, Object("Unknown", "Deploying"));
  h.gateway.On("GET /system/v1/functions/default/f", 200, Object("Unknown", "Deploying").dump());
  CHECK(h.Run({"deploy", "-f", "-", "--timeout", "3s"}) == 1);
  CHECK_THAT(h.err, Contains("not ready after 3s") && Contains("hearth describe f"));
}

TEST_CASE("deploy without waiting, and without doing") {
  Harness h;
  h.input = kManifest;
  OnDeploy(h, Object("Unknown", "Deploying"), "unchanged");
  h.gateway.On("PUT /system/v1/functions/default/f?dryRun=1", 200, R"({"result":"created"})");
  CHECK(h.Run({"deploy", "-f", "-", "--no-wait"}) == 0);
  CHECK(h.gateway.seen.size() == 1);
  CHECK_THAT(h.out, Contains("f: unchanged"));
  CHECK(h.Run({"deploy", "-f", "-", "--dry-run"}) == 0);
  CHECK_THAT(h.out, Contains("would be created"));
}

TEST_CASE("deploy: the server's problems are shown") {
  Harness h;
  h.input = kManifest;
  h.gateway.On(
      "PUT /system/v1/functions/default/f", 400,
      R"({"error":"not valid","problems":[{"field":"spec.x","message":"no such secret"}]})");
  CHECK(h.Run({"deploy", "-f", "-"}) == 1);
  CHECK_THAT(h.err, Contains("not valid") && Contains("spec.x: no such secret"));
}

TEST_CASE("deploy: a wrong manifest reaches no gateway") {
  Harness h;
  h.input = kManifest + "extra: 1\n";
  CHECK(h.Run({"deploy", "-f", "-"}) == 1);
  CHECK_THAT(h.err, Contains("line 5: extra") && Contains("nothing was changed"));
  CHECK(h.Run({"deploy", "-f", "/no/such/file"}) == 1);
  CHECK_THAT(h.err, Contains("/no/such/file"));
  CHECK(h.Run({"deploy", "--image", "x"}) == 2);
  CHECK(h.Run({"deploy", "nosuchname"}) == 1);
  CHECK(h.gateway.seen.empty());
}

TEST_CASE("deploy: flags change what the file says") {
  Harness h;
  h.input = kManifest;
  h.gateway.On("PUT /system/v1/functions/team/f", 200, R"({"result":"created"})");
  CHECK(h.Run({"deploy", "-f", "-", "-n", "team", "-e", "A=1", "--env", "B=x=y", "--secret", "s",
               "--label", "l=v", "--memory-limit", "64Mi", "--no-wait"}) == 0);
  const json spec = json::parse(h.gateway.seen[0].body)["spec"];
  CHECK(spec["environment"] == json{{"A", "1"}, {"B", "x=y"}});
  CHECK(spec["secrets"] == json{"s"});
  CHECK(spec["labels"] == json{{"l", "v"}});
  CHECK(spec["limits"]["memory"] == "64Mi");
  CHECK(h.Run({"deploy", "-f", "-", "-e", "NOVALUE"}) == 2);
  CHECK(h.Run({"deploy", "-f", "-", "--memory-limit", "1"}) == 1);
}

TEST_CASE("deploy without a file") {
  Harness h;
  h.gateway.On("PUT /system/v1/functions/default/web", 200, R"({"result":"created"})");
  CHECK(h.Run({"deploy", "--name", "web", "--image", "nginx:1", "--fprocess", "x y",
               "--no-wait"}) == 0);
  const json spec = json::parse(h.gateway.seen[0].body)["spec"];
  CHECK(spec["image"] == "nginx:1");
  CHECK(spec["environment"]["fprocess"] == "x y");
}

TEST_CASE("a stack, filtered, at the gateway that it names") {
  Harness h;
  const std::string stack =
      "provider: {name: openfaas, gateway: 'http://of:8080'}\nfunctions:\n"
      "  api-a: {image: a}\n  api-b: {image: b}\n  web: {image: c}\n";
  h.input = stack;
  h.environment.erase("HEARTH_URL");
  for (const char* name : {"api-a", "api-b", "web"}) {
    h.gateway.On(std::string("PUT /system/v1/functions/default/") + name, 200, "{}");
  }
  CHECK(h.Run({"deploy", "-f", "-", "--filter", "api-*", "--no-wait"}) == 0);
  CHECK(h.gateway.seen.size() == 2);
  CHECK_THAT(h.out, Contains("http://of:8080/function/api-a"));
  h.gateway.seen.clear();
  CHECK(h.Run({"deploy", "-f", "-", "--regex", "^w", "--no-wait"}) == 0);
  CHECK(h.gateway.seen.size() == 1);
  CHECK(h.Run({"deploy", "-f", "-", "--regex", "("}) == 2);
  CHECK(h.Run({"deploy", "-f", "-", "--filter", "none"}) == 1);
}

TEST_CASE("invoke hands both bodies through") {
  Harness h;
  h.input = "ping";
  h.gateway.On("POST /function/f", 200, "pong", {{"X-Call-Id", "7"}});
  CHECK(h.Run({"invoke", "f"}) == 0);
  CHECK(h.raw_out == "pong");
  CHECK(h.gateway.seen[0].body == "ping");
  CHECK(h.gateway.seen[0].Header("Content-Type") == "text/plain");
  CHECK(h.gateway.seen[0].Header("Authorization").empty());
  CHECK(h.Run({"invoke", "f", "-i"}) == 0);
  CHECK_THAT(h.raw_out, Catch::StartsWith("HTTP/1.1 200\nX-Call-Id: 7\n\npong"));

  h.gateway.On("PUT /function/f.team/users?a=b&c=d%20e", 200, "ok");
  CHECK(h.Run({"invoke", "f.team/users?a=b", "--query", "c=d e", "--method", "PUT", "-H",
               "X-One: 1", "--header", "X-Two=2", "--data", "own"}) == 0);
  CHECK(h.gateway.seen.back().body == "own");
  CHECK(h.gateway.seen.back().Header("x-one") == "1");
  CHECK(h.gateway.seen.back().Header("x-two") == "2");

  h.gateway.On("GET /function/f/?x=1", 200, "got");
  CHECK(h.Run({"invoke", "f?x=1", "-X", "GET"}) == 0);
  CHECK(h.gateway.seen.back().body.empty());
}

TEST_CASE("invoke streams what is large") {
  Harness h;
  h.input = std::string((3u << 20) + 5, 'z');
  h.gateway.On("POST /function/f", 200, "ok");
  CHECK(h.Run({"invoke", "f"}) == 0);
  CHECK(h.gateway.seen[0].body == h.input);
}

TEST_CASE("invoke: an error status is an error, with the body printed") {
  Harness h;
  h.gateway.On("POST /function/f", 404, "no such function",
               {{"X-Hearth-Error", "gateway;function_not_found"}});
  CHECK(h.Run({"invoke", "f"}) == 1);
  CHECK(h.raw_out == "no such function");
  CHECK_THAT(h.err, Contains("404") && Contains("function_not_found") && Contains("hearth list"));
  h.gateway.On("POST /function/p", 401, "");
  CHECK(h.Run({"invoke", "p"}) == 1);
  CHECK_THAT(h.err, Contains("--auth"));
  h.environment["HEARTH_PASSWORD"] = "p";
  h.gateway.answers["POST /function/p"].front().status = 200;
  CHECK(h.Run({"invoke", "p", "--auth"}) == 0);
  CHECK_FALSE(h.gateway.seen.back().Header("Authorization").empty());
}

TEST_CASE("logs") {
  Harness h;
  const std::string path =
      "GET /system/logs?name=f&follow=false&tail=2&since=1970-01-01T00%3A00%3A00Z";
  h.gateway.On(path, 200,
               "{\"name\":\"f\",\"namespace\":\"default\",\"instance\":\"r-1-abc\","
               "\"timestamp\":\"2024-05-01T12:00:00Z\",\"text\":\"one\\n\"}\n"
               "{\"name\":\"f\",\"text\":\"two \\u001b[2J\",\"timestamp\":\"t2\"}\n");
  CHECK(h.Run({"logs", "f", "--tail=false", "--lines", "2"}) == 0);
  CHECK(h.raw_out == "2024-05-01T12:00:00Z one\nt2 two ?[2J\n");
  CHECK(h.Run({"logs", "f", "--tail=false", "--lines", "2", "--instance", "--no-timestamps"}) == 0);
  CHECK(h.raw_out == "(r-1-abc) one\n() two ?[2J\n");
  CHECK(h.Run({"logs", "f", "--tail=false", "--lines", "2", "-o", "json"}) == 0);
  CHECK(json::parse(h.raw_out.substr(0, h.raw_out.find('\n')))["text"] == "one\n");
  h.gateway.On("GET /system/logs?name=f&follow=true&since=2024-05-01T11%3A50%3A00Z", 200, "");
  CHECK(h.Run({"logs", "f", "--since", "10m"}) == 0);
  CHECK(h.Run({"logs", "g", "--tail=false"}) == 1);
  CHECK_THAT(h.err, Contains("nothing at"));
  CHECK(h.Run({"logs", "f", "-o", "xml"}) == 2);
  CHECK(h.Run({"logs", "f", "--since-time", "yesterday"}) == 2);
}

TEST_CASE("scale") {
  Harness h;
  h.gateway.On("POST /system/scale-function/f", 202);
  CHECK(h.Run({"scale", "f", "3"}) == 0);
  CHECK(json::parse(h.gateway.seen.back().body) == json{{"serviceName", "f"}, {"replicas", 3}});
  CHECK(h.Run({"scale", "f", "--replicas", "0"}) == 0);
  json object = Object("True", "Serving");
  object["spec"]["replicas"] = 3;
  h.gateway.On("GET /system/v1/functions/default/f", 200, object.dump());
  h.gateway.On("PUT /system/v1/functions/default/f", 200, "{}");
  CHECK(h.Run({"scale", "f", "--auto"}) == 0);
  CHECK_FALSE(json::parse(h.gateway.seen.back().body)["spec"].contains("replicas"));
  CHECK(h.Run({"scale", "f"}) == 2);
  CHECK(h.Run({"scale", "f", "many"}) == 2);
  CHECK(h.Run({"scale", "f", "3", "--auto"}) == 2);
}

TEST_CASE("remove") {
  Harness h;
  h.gateway.On("DELETE /system/v1/functions/default/f", 202);
  CHECK(h.Run({"remove", "f"}) == 0);
  h.input = kManifest;
  CHECK(h.Run({"rm", "-f", "-"}) == 0);
  CHECK(h.Run({"remove", "f", "g"}) == 1);
  CHECK_THAT(h.out, Contains("f: removed"));
  CHECK(h.Run({"remove", "g", "--ignore-missing"}) == 0);
}

TEST_CASE("secrets: the value comes from anywhere, and is never printed") {
  Harness h;
  h.gateway.On("POST /system/secrets", 202);
  const auto sent = [&] {
    return json::parse(h.gateway.seen.back().body)["rawValue"].get<std::string>();
  };
  CHECK(h.Run({"secret", "create", "key", "--from-literal", "s3cret "}) == 0);
  CHECK(sent() == "czNjcmV0IA==");
  CHECK((h.out + h.err).find("s3cret") == std::string::npos);
  h.input = "piped\n";
  CHECK(h.Run({"secret", "create", "key"}) == 0);
  CHECK(sent() == "cGlwZWQ=");
  CHECK(h.Run({"secret", "create", "key", "--trim=false"}) == 0);
  CHECK(sent() == "cGlwZWQK");
  h.input.clear();
  CHECK(h.Run({"secret", "create", "key"}) == 1);
  CHECK(h.Run({"secret", "create", "Key", "--from-literal", "x"}) == 2);
  CHECK(h.Run({"secret", "create", "key", "--from-literal", "x", "--from-file", "y"}) == 2);

  h.gateway.answers["POST /system/secrets"].front() = {409, {}, R"({"error":"it exists"})"};
  CHECK(h.Run({"secret", "create", "key", "--from-literal", "x"}) == 1);
  CHECK_THAT(h.err, Contains("hearth secret update key"));
  h.gateway.On("PUT /system/secrets", 202);
  CHECK(h.Run({"secret", "create", "key", "--from-literal", "x", "--replace"}) == 0);
  CHECK_THAT(h.out, Contains("updated"));
  h.gateway.On("GET /system/secrets", 200, R"([{"name":"key","namespace":"default"}])");
  CHECK(h.Run({"secret", "list"}) == 0);
  CHECK_THAT(h.out, Contains("key    default"));
}

TEST_CASE("namespaces, version, status") {
  Harness h;
  h.gateway.On("POST /system/namespace/", 201);
  CHECK(h.Run({"namespace", "create", "team"}) == 0);
  CHECK(json::parse(h.gateway.seen.back().body)["labels"]["openfaas"] == "1");
  h.gateway.On("GET /system/namespaces", 200, R"(["default","team"])");
  CHECK(h.Run({"namespaces", "list"}) == 0);
  CHECK(h.out == "default\nteam\n");

  CHECK(h.Run({"version"}) == 0);  // also where the gateway does not know
  h.gateway.On("GET /healthz", 200, "OK");
  h.gateway.On("GET /system/info", 200, R"({"version":{"release":"1.2.3"}})");
  h.gateway.On("GET /system/v1/functions", 200,
               json{{"items", {Object("False", "CrashLoop")}}}.dump());
  CHECK(h.Run({"status"}) == 0);
  CHECK_THAT(h.out, Contains("1.2.3") && Contains("f: CrashLoop: because"));
  h.gateway.answers["GET /system/info"].front() = {503, {}, R"({"error":"no controller"})"};
  CHECK(h.Run({"status"}) == 1);
  CHECK_THAT(h.out, Contains("no controller"));
}

TEST_CASE("login keeps credentials for its gateway, logout forgets them") {
  Harness h;
  const auto home =
      std::filesystem::temp_directory_path() / ("hearth-login-" + std::to_string(::getpid()));
  h.environment["HOME"] = home;
  h.input = "right\n";
  h.gateway.On("GET /system/functions", 200, "[]");
  CHECK(h.Run({"login", "-g", "http://gw:1", "--password-stdin"}) == 0);
  const auto file = home / ".config/hearth/credentials";
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::mask) ==
        std::filesystem::perms(0600));
  h.gateway.On("GET /system/v1/functions", 200, R"({"items":[]})");
  CHECK(h.Run({"list", "-g", "http://gw:1"}) == 0);
  CHECK(h.gateway.seen.back().Header("Authorization") == "Basic YWRtaW46cmlnaHQ=");
  CHECK(h.Run({"list", "-g", "http://gw:2"}) == 0);
  CHECK(h.gateway.seen.back().Header("Authorization").empty());
  CHECK(h.Run({"logout", "-g", "http://gw:1"}) == 0);
  CHECK(h.Run({"logout", "-g", "http://gw:1"}) == 1);
  h.gateway.answers["GET /system/functions"].front().status = 401;
  CHECK(h.Run({"login", "-g", "http://gw:1", "--password", "wrong"}) == 1);
  CHECK(h.Run({"login", "-g", "http://gw:1"}) == 2);
  std::filesystem::remove_all(home);
}

TEST_CASE("completion names every command and its flags") {
  const auto commands = AllCommands();
  for (const char* shell : {"bash", "zsh", "fish"}) {
    DYNAMIC_SECTION(shell) {
      const auto script = CompletionScript(shell, commands);
      REQUIRE(script.has_value());
      for (const auto& command : commands) {
        const CommandInfo info = command->Info();
        if (info.hidden) continue;
        CHECK_THAT(*script, Contains(info.name.substr(info.name.rfind(' ') + 1)));
      }
      CHECK_THAT(*script, Contains("insecure-no-sandbox") && Contains("from-file"));
    }
  }
  CHECK_FALSE(CompletionScript("tcsh", commands).has_value());
  // Asked as bash asks: words so far, and which of them is being typed.
  const auto complete = [&](const std::string& words, int at) {
    std::string out;
    const std::string script =
        *CompletionScript("bash", commands) + "\nhearth() { echo fn-one; }\n" + "COMP_WORDS=(" +
        words + "); COMP_CWORD=" + std::to_string(at) + "; _hearth; echo ${COMPREPLY[@]}";
    const auto result =
        RunProgram({"bash", "-c", script}, "/", [&](std::string_view text) { out += text; });
    REQUIRE(result.ok());
    return out;
  };
  CHECK(complete("hearth des", 1) == "describe\n");
  CHECK(complete("hearth secret cr", 2) == "create\n");
  CHECK(complete("hearth secret create --from-l", 3) == "--from-literal\n");
  CHECK(complete("hearth describe f", 2) == "fn-one\n");
  CHECK(complete("hearth deploy --dry", 2) == "--dry-run\n");
  Harness h;
  CHECK(h.Run({"completion", "tcsh"}) == 2);
}

std::string FileText(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "hearth docs cli > docs/reference/cli.md" and "hearth docs manifest > docs/reference/manifest.md"
// bring them up to date.
TEST_CASE("the pages that follow from the code are up to date") {
  CHECK(FileText("docs/reference/cli.md") == CommandReference(AllCommands()));
  Harness h;
  CHECK(h.Run({"docs", "manifest"}) == 0);
  CHECK(FileText("docs/reference/manifest.md") == h.out);
}

TEST_CASE("the reference is made from the commands") {
  const std::string reference = CommandReference(AllCommands());
  CHECK_THAT(reference, Contains("## hearth deploy") && Contains("## hearth secret create"));
  CHECK_THAT(reference, !Contains("## hearth docs"));
  // Every flag has a meaning, and no command has the same one twice.
  for (const auto& command : AllCommands()) {
    Flags flags;
    command->Declare(&flags);
    std::vector<std::string> names;
    std::string letters;
    for (const auto& flag : flags.all()) {
      INFO(command->Info().name << " --" << flag.info.name);
      CHECK((flag.info.hidden || !flag.info.help.empty()));
      CHECK(std::find(names.begin(), names.end(), flag.info.name) == names.end());
      names.push_back(flag.info.name);
      if (flag.info.letter == 0) continue;
      CHECK(letters.find(flag.info.letter) == std::string::npos);
      letters += flag.info.letter;
    }
  }
}

}  // namespace
}  // namespace hearth::cli
