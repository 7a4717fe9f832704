#include "watchdog/config/child_environment.h"

#include <catch2/catch.hpp>

namespace hearth::watchdog {
namespace {

const WallTime kNow(std::chrono::seconds(1'700'000'000));

Config ConfigOf(ModeKind mode) {
  Config c;
  c.mode = mode;
  c.function = "hello";
  c.ns = "shop";
  c.revision = "r-1";
  c.memory_mb = 128;
  c.concurrency = 1;
  c.handler = "app.main";
  c.runtime_api = *net::Address::Parse("127.0.0.1:9001");
  return c;
}

TEST_CASE("settings and secrets of the watchdog do not reach the function", "[watchdog][config]") {
  const Environment env =
      ChildEnvironment({{"HEARTH_TOKEN", "t"}, {"HEARTH_LISTEN", "fd:3"}, {"_X", "1"}, {"A", "b"}},
                       ConfigOf(ModeKind::kHttp), kNow, "ab");
  CHECK_FALSE(env.contains("HEARTH_TOKEN"));
  CHECK_FALSE(env.contains("HEARTH_LISTEN"));
  CHECK_FALSE(env.contains("_X"));
  CHECK(env.at("A") == "b");
  CHECK(env.at("HEARTH_FUNCTION") == "hello");
  CHECK(env.at("OPENFAAS_NAMESPACE") == "shop");
  CHECK(env.at("HEARTH_REVISION") == "r-1");
  CHECK_FALSE(env.contains("AWS_LAMBDA_RUNTIME_API"));
}

TEST_CASE("native mode sets what AWS Lambda sets", "[watchdog][config]") {
  Config c = ConfigOf(ModeKind::kNative);
  Environment env = ChildEnvironment({{"AWS_LAMBDA_FUNCTION_NAME", "liar"}, {"TZ", "Europe/Rome"}},
                                     c, kNow, "0123");
  CHECK(env.at("AWS_LAMBDA_FUNCTION_NAME") == "hello");
  CHECK(env.at("AWS_LAMBDA_FUNCTION_VERSION") == "$LATEST");
  CHECK(env.at("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") == "128");
  CHECK(env.at("AWS_LAMBDA_LOG_GROUP_NAME") == "/aws/lambda/hello");
  CHECK(env.at("AWS_LAMBDA_LOG_STREAM_NAME") == "2023/11/14/[$LATEST]0123");
  CHECK(env.at("AWS_LAMBDA_RUNTIME_API") == "127.0.0.1:9001");
  CHECK(env.at("AWS_LAMBDA_INITIALIZATION_TYPE") == "on-demand");
  CHECK(env.at("LAMBDA_TASK_ROOT") == "/var/task");
  CHECK(env.at("LAMBDA_RUNTIME_DIR") == "/var/runtime");
  CHECK(env.at("_HANDLER") == "app.main");
  CHECK(env.at("TZ") == "Europe/Rome");
  CHECK_FALSE(env.contains("AWS_LAMBDA_MAX_CONCURRENCY"));
  CHECK_FALSE(env.contains("AWS_ACCESS_KEY_ID"));
  c.concurrency = 4;
  CHECK(ChildEnvironment({}, c, kNow, "0").at("AWS_LAMBDA_MAX_CONCURRENCY") == "4");
}

TEST_CASE("the gateway's URL is the relay's where there is one", "[watchdog][config]") {
  Config c = ConfigOf(ModeKind::kHttp);
  CHECK_FALSE(ChildEnvironment({}, c, kNow, "").contains("HEARTH_GATEWAY_URL"));
  c.gateway_url = "http://gateway:8080";
  CHECK(ChildEnvironment({}, c, kNow, "").at("HEARTH_GATEWAY_URL") == "http://gateway:8080");
  c.gateway_socket = "/run/g.sock";
  CHECK(ChildEnvironment({}, c, kNow, "").at("HEARTH_GATEWAY_URL") == "http://127.0.0.1:9900");
}

}  // namespace
}  // namespace hearth::watchdog
