// What depends on the machine: egress, no sandbox, a broken sandbox, limits.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend_fixture.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

bool Said(const std::vector<std::string>& notices, const std::string& what) {
  for (const std::string& notice : notices) {
    if (notice.find(what) != std::string::npos) return true;
  }
  return false;
}

// A server of "the world": a network namespace beside the host's, with an address of its own.
struct World {
  World() {
    name = Cat("hworld", getpid());
    Sh(Cat("ip netns add ", name, " && ip link add ", link, " type veth peer name eth0 netns ",
           name, " && ip addr add 10.213.77.1/24 dev ", link, " && ip link set ", link,
           " up && ip -n ", name, " addr add 10.213.77.2/24 dev eth0 && ip -n ", name,
           " link set eth0 up && ip -n ", name, " link set lo up"));
    // It knows no way back to the replica's own address: only translation makes answers possible.
    Sh(Cat(
        "cd /tmp && (ip netns exec ", name,
        " python3 -c \"import socket;s=socket.socket();s.setsockopt(1,2,1);"
        "s.bind(('10.213.77.2',7777));s.listen();c,a=s.accept();c.send(a[0].encode());c.close()\" "
        ">/dev/null 2>&1 &)"));
  }
  ~World() {
    (void)!system(
        Cat("ip netns del ", name, " 2>/dev/null; ip link del ", link, " 2>/dev/null").c_str());
  }
  static void Sh(const std::string& command) {
    INFO(command);
    REQUIRE(system(command.c_str()) == 0);
  }
  std::string name;
  std::string link = Cat("hw", getpid() % 100000);
};

TEST_CASE("a function reaches the world by address translation") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  if (Said(f.backend().notices(), "cannot reach the network")) {
    WARN("NOT RUN: this machine gives functions no network: see the backend's notices");
    return;
  }
  if (geteuid() != 0) {
    WARN("NOT RUN: only root can make a network to reach");
    return;
  }
  const World world;
  const ReplicaId id = f.Run(BackendFixture::PythonServer(
      "def answer(p, b):\n"
      "  for i in range(50):\n"
      "    try:\n"
      "      s = socket.create_connection(('10.213.77.2', 7777), 2)\n"
      "      return s.recv(100).decode()\n"
      "    except ConnectionRefusedError: __import__('time').sleep(0.1)\n"));
  CHECK(f.Get(id, "/").body == "10.213.77.1");
}

TEST_CASE("without a sandbox functions run where it is asked for, loudly") {
  BackendFixture f;
  LocalBackendOptions options;
  options.insecure_no_sandbox = true;
  REQUIRE(f.Start(options).ok());
  CHECK(Said(f.backend().notices(), "NO SANDBOX"));
  model::FunctionSpec spec = BackendFixture::PythonServer(
      "def answer(path, body): return os.getcwd() + ' ' + os.environ['HEARTH_FUNCTION']\n");
  spec.port = 18999;
  const ReplicaId id = f.Run(spec);
  const std::string answer = f.Get(id, "/").body;
  CHECK(answer.find(f.folder() + "/bundles/inline-") == 0);
  CHECK(answer.substr(answer.size() - 3) == " fn");
  f.backend().Kill(id);
  f.WaitFor(id, ReplicaState::kGone);
}

TEST_CASE("a machine that cannot sandbox starts nothing and says what to do") {
  BackendFixture f;
  LocalBackendOptions options;
  options.bwrap_path = "/nonexistent/bwrap";
  absl::Status status = f.Start(options);
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(status).find("apt-get install bubblewrap") != std::string_view::npos);
  CHECK(Message(status).find("--insecure-no-sandbox") != std::string_view::npos);

  options.bwrap_path = "/bin/false";
  status = f.Start(options);
  CHECK(Message(status).find("the sandbox does not work") != std::string_view::npos);

  options.bwrap_path.clear();
  options.watchdog_path = "/nonexistent/watchdog";
  CHECK(Message(f.Start(options)).find("/nonexistent/watchdog") != std::string_view::npos);
}

TEST_CASE("Check judges what only this machine knows") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  const FunctionKey key{"default", "fn"};
  model::FunctionSpec spec = BackendFixture::PythonServer("");
  CHECK(f.backend().Check(key, spec).ok());
  spec.limits.memory = "999999Gi";
  CHECK(Message(f.backend().Check(key, spec)).find("more than this machine has") !=
        std::string_view::npos);
  spec.limits.memory = "1Ki";
  CHECK_FALSE(f.backend().Check(key, spec).ok());
  spec.limits = {};
  spec.runtime = "cobol";
  CHECK(f.backend().Check(key, spec).code() == absl::StatusCode::kNotFound);
  spec.runtime.clear();
  spec.source = {};
  spec.source.bundle = "sha256:" + std::string(64, 'a');
  CHECK(f.backend().Check(key, spec).code() == absl::StatusCode::kNotFound);
  spec.source.bundle = "sha256:x";
  CHECK(f.backend().Check(key, spec).code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("many replicas at once, and all are gone in the end") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  model::FunctionSpec spec;
  spec.mode = model::Mode::kStreaming;
  spec.command = {"/bin/cat"};
  std::vector<ReplicaId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(f.Create(spec));
  for (const ReplicaId& id : ids) {
    f.WaitFor(id, ReplicaState::kReady);
    CHECK(f.Get(id, "/", id.value()).body == id.value());
  }
  for (const ReplicaId& id : ids) f.backend().Drain(id, std::chrono::seconds(5));
  for (const ReplicaId& id : ids) f.WaitFor(id, ReplicaState::kGone);
  CHECK(std::filesystem::is_empty(f.run_dir() + "/r"));
}

}  // namespace
}  // namespace hearth::controller
