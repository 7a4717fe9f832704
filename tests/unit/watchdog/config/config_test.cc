#include "watchdog/config/config.h"

#include <catch2/catch.hpp>

#include "core/base/absl_compat.h"

namespace hearth::watchdog {
namespace {

using std::chrono::seconds;

Config Good(const Environment& env, const std::vector<std::string>& argv = {"./run"}) {
  auto c = ParseConfig(env, argv);
  INFO(c.status().ToString());
  REQUIRE(c.ok());
  return *c;
}

TEST_CASE("defaults are those of the replica contract", "[watchdog][config]") {
  const Config c = Good({});
  CHECK(c.mode == ModeKind::kNative);
  CHECK(c.listen.Text() == "0.0.0.0:8080");
  REQUIRE(c.control);
  CHECK(c.control->Text() == "0.0.0.0:8081");
  CHECK(c.log_fds[0] == -1);
  CHECK(c.log_max == 1u << 20);
  CHECK(c.function == "function");
  CHECK(c.ns == "default");
  CHECK(c.concurrency == 1);
  CHECK(c.timeout == seconds(60));
  CHECK(c.stream_idle_timeout == seconds(300));
  CHECK(c.max_duration == Duration::zero());
  CHECK(c.init_timeout == seconds(60));
  CHECK(c.max_body == 6u << 20);
  CHECK(c.event == EventKind::kHttp);
  CHECK(c.memory_mb == 256);
  CHECK(c.runtime_api.Text() == "127.0.0.1:9001");
  CHECK(c.drain_quiet == seconds(2));
  CHECK(c.standalone);
}

TEST_CASE("the mode decides what is not given", "[watchdog][config]") {
  struct Case {
    std::string name;
    Environment env;
    ModeKind mode;
    uint32_t concurrency;
    uint64_t max_body;
  };
  const Case cases[] = {
      {"only of-watchdog's names", {{"fprocess", "cat"}}, ModeKind::kStreaming, 0, 0},
      {"of-watchdog's mode", {{"mode", "http"}, {"port", "9000"}}, ModeKind::kHttp, 0, 0},
      {"Hearth beside fprocess",
       {{"fprocess", "cat"}, {"HEARTH_REPLICA", "r"}},
       ModeKind::kNative,
       1,
       6u << 20},
      {"Hearth's mode wins",
       {{"mode", "http"}, {"HEARTH_MODE", "serializing"}},
       ModeKind::kSerializing,
       1,
       0},
      {"max_inflight", {{"mode", "streaming"}, {"max_inflight", "7"}}, ModeKind::kStreaming, 7, 0},
      {"static", {{"HEARTH_MODE", "static"}}, ModeKind::kStatic, 0, 0},
  };
  for (const Case& k : cases) {
    DYNAMIC_SECTION(k.name) {
      const Config c = Good(k.env);
      CHECK(c.mode == k.mode);
      CHECK(c.concurrency == k.concurrency);
      CHECK(c.max_body == k.max_body);
    }
  }
}

TEST_CASE("the command comes from the arguments, else from fprocess", "[watchdog][config]") {
  CHECK(Good({{"fprocess", "a b"}}, {"x", "y z"}).command == std::vector<std::string>{"x", "y z"});
  CHECK(Good({{"fprocess", "  a \t b\n"}}, {}).command == std::vector<std::string>{"a", "b"});
  CHECK(Good({{"HEARTH_MODE", "static"}}, {"x"}).command.empty());
  CHECK(Good({{"HEARTH_MODE", "http"}, {"HEARTH_LISTEN", "fd:3"}}, {}).command.empty());
}

TEST_CASE("no control socket beside an inherited one unless it is asked for",
          "[watchdog][config]") {
  CHECK_FALSE(Good({{"HEARTH_LISTEN", "fd:3"}}).control);
  CHECK(Good({{"HEARTH_LISTEN", "fd:3"}, {"HEARTH_CONTROL", "fd:4"}}).control->fd == 4);
}

TEST_CASE("what is given is taken", "[watchdog][config]") {
  const Config c = Good({{"HEARTH_MODE", "http"},
                         {"HEARTH_LISTEN", "unix:/tmp/a"},
                         {"HEARTH_LOG", "fd:5,fd:6"},
                         {"HEARTH_LOG_MAX", "64KiB"},
                         {"HEARTH_TIMEOUT", "1m30s"},
                         {"HEARTH_UPSTREAM", "http://localhost:5000/"},
                         {"HEARTH_RUN_AS", "1000:1001"},
                         {"HEARTH_MAX_BODY", "10MiB"},
                         {"ready_path", "ready"},
                         {"HEARTH_REPLICA", "r1"}});
  CHECK(c.listen.Text() == "unix:/tmp/a");
  CHECK(c.log_fds[0] == 5);
  CHECK(c.log_fds[1] == 6);
  CHECK(c.log_max == 64 * 1024);
  CHECK(c.timeout == seconds(90));
  CHECK(c.upstream.address.Text() == "127.0.0.1:5000");
  CHECK(c.run_as == RunAs{1000, 1001});
  CHECK(c.max_body == 10u << 20);
  CHECK(c.ready_path == "/ready");
  CHECK_FALSE(c.standalone);
}

TEST_CASE("a server that speaks HTTP/2", "[watchdog][config]") {
  const auto upstream = [](std::string url) {
    return Good({{"HEARTH_MODE", "http"}, {"HEARTH_UPSTREAM", std::move(url)}}).upstream;
  };
  CHECK(upstream("h2c://127.0.0.1:50051").h2c);
  CHECK(upstream("h2c://127.0.0.1:50051").address.Text() == "127.0.0.1:50051");
  CHECK(upstream("h2c://localhost:50051").host == "127.0.0.1:50051");
  CHECK_FALSE(upstream("http://127.0.0.1:50051").h2c);
}

TEST_CASE("a bad value names the variable, the value and the remedy", "[watchdog][config]") {
  struct Case {
    std::string name, value, remedy;
    Environment beside;
  };
  const Case cases[] = {
      {"HEARTH_MODE", "afterburn", "native, http", {}},
      {"mode", "inproc", "native, http", {}},
      {"HEARTH_TIMEOUT", "soon", "", {}},
      {"exec_timeout", "-5s", "", {}},
      {"HEARTH_CONCURRENCY", "many", "whole number", {}},
      {"HEARTH_CONCURRENCY", "0", "1 or more", {}},
      {"HEARTH_MAX_BODY", "6 megs", "", {}},
      {"HEARTH_LOG", "syslog", "fd:5,fd:6", {}},
      {"HEARTH_LOG", "fd:5", "fd:5,fd:6", {}},
      {"HEARTH_LOG", "fd:5,fd:6,fd:7", "fd:5,fd:6", {}},
      {"HEARTH_LOG_MAX", "10", "4KiB", {}},
      {"HEARTH_RUN_AS", "nobody", "uid:gid", {}},
      {"HEARTH_RUN_AS", "1:", "uid:gid", {}},
      {"HEARTH_LISTEN", "somewhere", "", {}},
      {"port", "99999", "1 to 65535", {}},
      {"HEARTH_RUNTIME_API", "unix:/x", "ip:port", {}},
      {"HEARTH_UPSTREAM", "https://127.0.0.1:1", "http://ip:port", {{"HEARTH_MODE", "http"}}},
      {"HEARTH_UPSTREAM", "http://backend:80", "http://ip:port", {{"HEARTH_MODE", "http"}}},
      {"HEARTH_UPSTREAM", "http://127.0.0.1:8080", "own port", {{"HEARTH_MODE", "http"}}},
      {"HEARTH_EVENT", "sqs", "http or raw", {}},
      {"HEARTH_ANNOUNCE", "https://x", "http://ip:port", {}},
      {"prefix_logs", "maybe", "true or false", {}},
  };
  for (const Case& k : cases) {
    DYNAMIC_SECTION(k.name << "=" << k.value) {
      Environment env = k.beside;
      env[k.name] = k.value;
      const auto c = ParseConfig(env, {"./run"});
      REQUIRE_FALSE(c.ok());
      const std::string message(Message(c.status()));
      CHECK_THAT(message, Catch::Contains(k.name + "=" + k.value));
      CHECK_THAT(message, Catch::Contains(k.remedy));
    }
  }
}

TEST_CASE("a mode that needs a command says so", "[watchdog][config]") {
  const auto c = ParseConfig({}, {});
  REQUIRE_FALSE(c.ok());
  CHECK_THAT(std::string(Message(c.status())), Catch::Contains("no command"));
}

}  // namespace
}  // namespace hearth::watchdog
