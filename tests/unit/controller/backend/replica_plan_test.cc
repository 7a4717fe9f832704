#include "controller/backend/local/replica_plan.h"

#include <catch2/catch.hpp>

namespace hearth::controller {
namespace {

ReplicaRequest Request() {
  ReplicaRequest request{ReplicaId("r-1-abc"), {"ns", "fn"}, RevisionId("r-1"), {}};
  request.spec.mode = model::Mode::kHttp;
  request.spec.concurrency = 0;
  request.spec.command = {"/var/task/server"};
  return request;
}

LaunchFacts Facts() {
  LaunchFacts facts;
  facts.limits.memory_bytes = 256 << 20;
  facts.log_bytes = 1000;
  return facts;
}

TEST_CASE("http mode with a command") {
  ReplicaRequest request = Request();
  request.spec.port = 3000;
  request.spec.health.path = "/ok";
  request.spec.environment = {{"A", "1"}, {"HEARTH_TOKEN", "mine"}};
  LaunchFacts facts = Facts();
  facts.run_as_uid = 200007;
  facts.run_as_gid = 200007;
  const auto start = PlanWatchdog(request, facts);
  REQUIRE(start.ok());
  const auto& env = start->env;
  CHECK(start->command == std::vector<std::string>{"/var/task/server"});
  CHECK(env.at("HEARTH_MODE") == "http");
  CHECK(env.at("HEARTH_LISTEN") == "fd:3");
  CHECK(env.at("HEARTH_CONTROL") == "fd:4");
  CHECK(env.at("HEARTH_LOG") == "fd:5,fd:6");
  CHECK(env.at("HEARTH_LOG_MAX") == "1000");
  CHECK(env.at("HEARTH_UPSTREAM") == "http://127.0.0.1:3000");
  CHECK(env.at("HEARTH_READY_PATH") == "/ok");
  CHECK(env.at("PORT") == "3000");
  CHECK(env.at("A") == "1");
  CHECK(env.at("HEARTH_RUN_AS") == "200007:200007");
  CHECK(env.at("HEARTH_MEMORY_MB") == "256");
  CHECK(env.count("HEARTH_TOKEN") == 0);

  request.spec.protocol = model::Protocol::kH2c;
  CHECK(PlanWatchdog(request, facts)->env.at("HEARTH_UPSTREAM") == "h2c://127.0.0.1:3000");
}

TEST_CASE("a runtime gives command, handler and environment; the user's wins") {
  Runtime runtime;
  runtime.name = "python3";
  runtime.handler = "handler.handler";
  runtime.command = {"/usr/bin/python3", "/var/runtime/bootstrap.py"};
  runtime.environment = {{"PYTHONPATH", "/var/task"}, {"X", "runtime"}};
  ReplicaRequest request = Request();
  request.spec.mode = model::Mode::kNative;
  request.spec.command.clear();
  request.spec.environment = {{"X", "user"}};
  LaunchFacts facts = Facts();
  facts.runtime = &runtime;
  const auto start = PlanWatchdog(request, facts);
  REQUIRE(start.ok());
  CHECK(start->command == runtime.command);
  CHECK(start->working_dir == "/var/task");
  CHECK(start->env.at("HEARTH_HANDLER") == "handler.handler");
  CHECK(start->env.at("X") == "user");
  CHECK(start->env.count("HEARTH_UPSTREAM") == 0);
}

TEST_CASE("an image with its own watchdog keeps its own settings") {
  UnpackedImage image;
  image.config.entrypoint = {"/usr/bin/fwatchdog"};
  image.config.environment = {{"fprocess", "node index.js"},
                              {"mode", "http"},
                              {"upstream_url", "http://127.0.0.1:5000"},
                              {"exec_timeout", "10s"}};
  image.config.working_dir = "/home/app";
  ReplicaRequest request = Request();
  request.spec.command.clear();
  LaunchFacts facts = Facts();
  facts.image = &image;
  const auto start = PlanWatchdog(request, facts);
  REQUIRE(start.ok());
  CHECK(start->command.empty());
  CHECK(start->working_dir == "/home/app");
  CHECK(start->env.at("fprocess") == "node index.js");
  CHECK(start->env.count("HEARTH_MODE") == 0);
  CHECK(start->env.count("HEARTH_UPSTREAM") == 0);
  CHECK(start->env.count("HEARTH_TIMEOUT") == 0);
  CHECK(start->env.count("HEARTH_CONCURRENCY") == 1);
}

TEST_CASE("a plain image is a server; one without a command is refused") {
  UnpackedImage image;
  image.config.entrypoint = {"/app"};
  image.config.command = {"--serve"};
  ReplicaRequest request = Request();
  request.spec.command.clear();
  LaunchFacts facts = Facts();
  facts.image = &image;
  auto start = PlanWatchdog(request, facts);
  REQUIRE(start.ok());
  CHECK(start->command == std::vector<std::string>{"/app", "--serve"});
  CHECK(start->env.at("HEARTH_MODE") == "http");
  image.config = {};
  CHECK_FALSE(PlanWatchdog(request, facts).ok());
  facts.image = nullptr;
  CHECK_FALSE(PlanWatchdog(request, facts).ok());
}

TEST_CASE("static mode serves a folder below the code") {
  ReplicaRequest request = Request();
  request.spec.mode = model::Mode::kStatic;
  request.spec.static_path = "dist";
  const auto start = PlanWatchdog(request, Facts());
  REQUIRE(start.ok());
  CHECK(start->command.empty());
  CHECK(start->env.at("HEARTH_STATIC_PATH") == "/var/task/dist");
}

TEST_CASE("without a sandbox the host's paths stand in for the contract's") {
  ReplicaRequest request = Request();
  request.spec.environment = {{"P", "/var/task:/var/task/.deps"}};
  LaunchFacts facts = Facts();
  facts.sandboxed = false;
  facts.code_folder = "/data/code";
  const auto start = PlanWatchdog(request, facts);
  REQUIRE(start.ok());
  CHECK(start->command == std::vector<std::string>{"/data/code/server"});
  CHECK(start->env.at("P") == "/data/code:/data/code/.deps");
  CHECK(start->working_dir == "/data/code");
}

}  // namespace
}  // namespace hearth::controller
