#include "controller/stream/stream_server.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "controller/bundle/bundle_store.h"
#include "controller/logs/log_store.h"
#include "controller/runtimes/runtime_catalog.h"
#include "core/base/duration.h"
#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/net/http_client.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

const FunctionKey kFunction{"default", "fn"};

struct Fixture {
  Fixture() {
    char pattern[] = "/tmp/hearth-unit-XXXXXX";
    folder = mkdtemp(pattern);
    logs = std::make_unique<LogStore>(folder + "/logs", 1 << 20);
    auto store = BundleStore::Open(folder + "/bundles", &runtimes);
    REQUIRE(store.ok());
    bundles = std::move(*store);
    StreamServerOptions options;
    options.listen.kind = net::Address::Kind::kUnix;
    options.listen.host = folder + "/stream.sock";
    options.internal_token = "token";
    options.follow_interval = std::chrono::milliseconds(5);
    StreamServerDeps deps;
    deps.clock = &clock;
    deps.logs = logs.get();
    deps.bundles = bundles.get();
    deps.function_exists = [](const FunctionKey& key) { return key == kFunction; };
    server = std::make_unique<StreamServer>(options, deps);
    REQUIRE(server->Start().ok());
  }
  ~Fixture() {
    server.reset();
    fs::remove_all(folder);
  }
  net::ClientRequest Request(const std::string& method, const std::string& target) {
    net::ClientRequest request;
    request.address.kind = net::Address::Kind::kUnix;
    request.address.host = folder + "/stream.sock";
    request.method = method;
    request.target = target;
    request.headers.Add("X-Hearth-Internal-Token", "token");
    request.total_timeout = std::chrono::seconds(20);
    return request;
  }
  net::ClientResponse Fetch(const std::string& method, const std::string& target,
                            const std::string& body = {}) {
    net::ClientRequest request = Request(method, target);
    request.body = body;
    const auto answer = net::Fetch(request);
    REQUIRE(answer.ok());
    return *answer;
  }
  void Log(const std::string& text) {
    const auto ring = logs->OpenRing(kFunction, ReplicaId("r1"));
    REQUIRE(ring.ok());
    close(ring->a);
    close(ring->b);
    logs->AppendPlatform(kFunction, ReplicaId("r1"), text, clock.WallNow());
  }
  RealClock clock;
  RuntimeCatalog runtimes;
  std::string folder;
  std::unique_ptr<LogStore> logs;
  std::unique_ptr<BundleStore> bundles;
  std::unique_ptr<StreamServer> server;
};

TEST_CASE_METHOD(Fixture, "logs that are not followed end") {
  Log("one");
  Log("two");
  const auto answer = Fetch("GET", "/system/logs?name=fn");
  CHECK(answer.status == 200);
  CHECK(answer.headers.Get("Content-Type") == "application/x-ndjson");
  CHECK(answer.body.find("\"text\":\"one\"") != std::string::npos);
  CHECK(Split(answer.body, '\n').size() == 3);
  CHECK(Split(Fetch("GET", "/system/logs?name=fn&tail=1").body, '\n').size() == 2);
}

TEST_CASE_METHOD(Fixture, "followed logs go on until the reader goes") {
  Log("one");
  std::atomic<int> lines{0};
  bool read_well = false;  // the test library belongs to this thread
  std::thread reader([&] {
    net::FetchOptions options;
    options.on_data = [&](std::string_view piece) {
      for (const char c : piece) lines += c == '\n' ? 1 : 0;
      lines.notify_all();
      return lines < 3;
    };
    read_well = net::Fetch(Request("GET", "/system/logs?name=fn&follow=true"), options).ok();
  });
  const auto wait = [&](int count) {
    for (int now = lines; now < count; now = lines) lines.wait(now);
    return true;
  };
  CHECK(wait(1));
  Log("two");
  CHECK(wait(2));
  Log("three");
  CHECK(wait(3));
  reader.join();
  CHECK(read_well);
}

TEST_CASE_METHOD(Fixture, "errors of the log request") {
  CHECK(Fetch("GET", "/system/logs").status == 422);
  CHECK(Fetch("GET", "/system/logs?name=fn&tail=x").status == 422);
  CHECK(Fetch("GET", "/system/logs?name=nobody").status == 404);
  CHECK(Fetch("POST", "/system/logs?name=fn").status == 405);
  CHECK(Fetch("GET", "/system/else").status == 404);
  net::ClientRequest request = Request("GET", "/system/logs?name=fn");
  request.headers.Set("X-Hearth-Internal-Token", "wrong");
  CHECK(net::Fetch(request)->status == 401);
}

TEST_CASE_METHOD(Fixture, "bundles are asked for, refused and taken") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  CHECK(Fetch("HEAD", "/system/bundles/" + digest).status == 404);
  CHECK(Fetch("HEAD", "/system/bundles/sha256:x").status == 400);
  CHECK(Fetch("PUT", "/system/bundles/" + digest, "no tar").status == 400);
  CHECK(Fetch("DELETE", "/system/bundles/" + digest).status == 405);
  CHECK(fs::is_empty(folder + "/bundles"));

  const std::string source = folder + "/b";
  fs::create_directory(source);
  std::ofstream(source + "/hearth-bundle.json") << R"({"formatVersion":1})";
  std::ofstream(source + "/data") << std::string(3'000'000, 'x');
  REQUIRE(system(Cat("cd ", source, " && tar czf ../b.tgz hearth-bundle.json data").c_str()) == 0);
  std::ifstream in(folder + "/b.tgz", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::string complaint = Fetch("PUT", "/system/bundles/" + digest, bytes).body;
  const std::string real = complaint.substr(complaint.find("sha256:"), 71);
  CHECK(Fetch("PUT", "/system/bundles/" + real, bytes).status == 201);
  CHECK(Fetch("HEAD", "/system/bundles/" + real).status == 200);
  CHECK(Fetch("PUT", "/system/bundles/" + real, bytes).status == 200);
}

}  // namespace
}  // namespace hearth::controller
