#include <catch2/catch.hpp>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "backend_fixture.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

constexpr const char* kEcho = "def answer(path, body): return 'hello ' + path + body\n";

TEST_CASE("a replica starts, says that it is ready, answers, drains and is gone") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const ReplicaId id = f.Create(BackendFixture::PythonServer(kEcho));
  const ReplicaEvent ready = f.WaitFor(id, ReplicaState::kReady);
  CHECK(ready.replica.address == "unix:" + f.run_dir() + "/r/" + id.value() + "/data.sock");
  CHECK(ready.create_time > Duration::zero());
  CHECK(ready.boot_time > Duration::zero());
  CHECK(f.Get(id, "/x", "y").body == "hello /xy");

  f.backend().Drain(id, std::chrono::seconds(5));
  f.WaitFor(id, ReplicaState::kGone);
  CHECK_FALSE(std::filesystem::exists(f.run_dir() + "/r/" + id.value()));
}

TEST_CASE("a request that is sent before the process exists waits for it") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const ReplicaId id = f.Create(BackendFixture::PythonServer(kEcho));
  f.WaitFor(id, ReplicaState::kStarting);
  CHECK(f.Get(id, "/early").body == "hello /early");
}

TEST_CASE("two functions listen on the same port and do not meet") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const ReplicaId a = f.Run(BackendFixture::PythonServer("def answer(p, b): return 'a'\n"), "a");
  const ReplicaId b = f.Run(BackendFixture::PythonServer("def answer(p, b): return 'b'\n"), "b");
  CHECK(f.Get(a, "/").body == "a");
  CHECK(f.Get(b, "/").body == "b");
}

TEST_CASE("a function that ends at once fails with its last lines") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  model::FunctionSpec spec = BackendFixture::PythonServer("");
  spec.source.files["server.py"] = "import sys\nprint('no database')\nsys.exit(3)\n";
  const ReplicaId id = f.Create(spec);
  const ReplicaEvent failed = f.WaitFor(id, ReplicaState::kFailed);
  INFO(failed.replica.reason);
  CHECK(failed.replica.reason.find("3") != std::string::npos);
  bool said = false;
  for (const std::string& line : failed.last_output) {
    said = said || line.find("no database") != std::string::npos;
  }
  CHECK(said);
  f.backend().Kill(id);
  f.WaitFor(id, ReplicaState::kGone);
}

TEST_CASE("a function that never listens fails after its startup timeout") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  model::FunctionSpec spec = BackendFixture::PythonServer("");
  spec.source.files["server.py"] = "import time\ntime.sleep(600)\n";
  spec.health.startup_timeout = std::chrono::seconds(1);
  const ReplicaId id = f.Create(spec);
  const ReplicaEvent failed = f.WaitFor(id, ReplicaState::kFailed);
  INFO(failed.replica.reason);
  CHECK(failed.replica.reason.find("not ready after 1s") != std::string::npos);
}

TEST_CASE("what cannot be started fails with the reason") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  model::FunctionSpec spec;
  spec.mode = model::Mode::kHttp;
  spec.command = {"/var/task/missing"};
  const ReplicaEvent failed = f.WaitFor(f.Create(spec), ReplicaState::kFailed);
  INFO(failed.replica.reason);
  CHECK(failed.replica.reason.find("/var/task/missing") != std::string::npos);

  spec.runtime = "cobol";
  const ReplicaEvent unknown = f.WaitFor(f.Create(spec), ReplicaState::kFailed);
  CHECK(unknown.replica.reason.find("cobol") != std::string::npos);
}

TEST_CASE("kill ends a replica whatever it does") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const ReplicaId id = f.Run(BackendFixture::PythonServer(kEcho));
  f.backend().Kill(id);
  f.WaitFor(id, ReplicaState::kGone);
  f.backend().Kill(ReplicaId("r-0000000000000000-nobody"));
  f.WaitFor(ReplicaId("r-0000000000000000-nobody"), ReplicaState::kGone);
}

TEST_CASE("a killed watchdog is a failure that is reported") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const ReplicaId id = f.Run(BackendFixture::PythonServer(kEcho));
  const std::string command = "kill -9 $(sed 's/.*\"innerPid\":\\([0-9]*\\).*/\\1/' " +
                              f.run_dir() + "/r/" + id.value() + "/meta.json)";
  REQUIRE(system(command.c_str()) == 0);
  f.WaitFor(id, ReplicaState::kFailed);
}

TEST_CASE("a controller that dies leaves its replicas to the next one") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const ReplicaId id = f.Run(BackendFixture::PythonServer(kEcho));
  f.Crash();
  CHECK(f.Get(id, "/alone").body == "hello /alone");
  REQUIRE(f.Start().ok());
  REQUIRE(f.Last(id).has_value());
  CHECK(f.Last(id)->replica.state == ReplicaState::kReady);
  CHECK(f.Last(id)->replica.function == FunctionKey{"default", "fn"});
  CHECK(f.Get(id, "/again").body == "hello /again");
  f.backend().Drain(id, std::chrono::seconds(5));
  f.WaitFor(id, ReplicaState::kGone);
}

TEST_CASE("a clean stop leaves no process, no group and no folder") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  f.Run(BackendFixture::PythonServer(kEcho));
  f.Create(BackendFixture::PythonServer(kEcho));
  f.backend().StopAll(std::chrono::seconds(2));
  CHECK_FALSE(std::filesystem::exists(f.run_dir() + "/r"));
  const std::string find =
      "grep -lsz HEARTH_REPLICA_MARK=r-0123456789abcdef /proc/[0-9]*/environ | wc -l";
  FILE* pipe = popen(find.c_str(), "r");
  char text[32] = {};
  REQUIRE(fgets(text, sizeof(text), pipe) != nullptr);
  pclose(pipe);
  CHECK(std::string(text) == "0\n");
}

}  // namespace
}  // namespace hearth::controller
