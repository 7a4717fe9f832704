// The whole gateway in one process, between a controller and replicas that the test plays, over
// real sockets.
#include "gateway/app/app.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/net/http_client.h"
#include "tests/fakes/fleet/fake_controller.h"
#include "tests/integration/gateway/local_server.h"

namespace hearth::gateway {
namespace {

using namespace std::chrono_literals;
using fakes::FakeController;
using fakes::MakeRoute;
using Headers = net::Headers;

constexpr const char* kAdmin = "Basic YWRtaW46c2VjcmV0";  // admin:secret

struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/hearth-gw-XXXXXX";
    path = ::mkdtemp(name);
    std::ofstream(path + "/credentials") << "admin:secret\n";
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

// Says who it is and what it was asked.
net::HttpServer::Handler Echo(const std::string& name) {
  return [name](const std::shared_ptr<net::ServerExchange>& exchange) {
    const net::ServerRequest& request = exchange->request();
    exchange->Respond(200, {{"Content-Type", "text/plain"}},
                      name + " " + request.method + " " + request.target + " " + request.body);
  };
}

class Gateway {
 public:
  explicit Gateway(std::vector<std::string> controllers,
                   const std::function<void(Options&)>& change = {}) {
    options.listen = "127.0.0.1:0";
    options.admin_listen = "127.0.0.1:0";
    options.controllers = std::move(controllers);
    options.auth_file = folder.path + "/credentials";
    options.threads = 2;
    options.drain_timeout = 5s;
    if (change) change(options);
    app = std::make_unique<App>(options, clock, log::Logger::Null());
    const absl::Status started = app->Start();
    INFO(Message(started));
    REQUIRE(started.ok());
  }

  net::ClientResponse Ask(const std::string& method, const std::string& target,
                          const Headers& headers = {}, const std::string& body = {}) const {
    return AskAt(app->address(), method, target, headers, body);
  }
  net::ClientResponse AskAdmin(const std::string& target) const {
    return AskAt(app->admin_address(), "GET", target);
  }
  static net::ClientResponse AskAt(const net::Address& address, const std::string& method,
                                   const std::string& target, const Headers& headers = {},
                                   const std::string& body = {}) {
    net::ClientRequest request;
    request.address = address;
    request.method = method;
    request.target = target;
    request.headers = headers;
    request.body = body;
    request.total_timeout = 20s;
    auto response = net::Fetch(request);
    if (response.ok()) return *std::move(response);
    net::ClientResponse failed;  // no assertion here: it may be another thread than the test's
    failed.body = std::string(Message(response.status()));
    return failed;
  }
  // Routes reach the loops a moment after the controller has sent them.
  bool Until(const std::function<bool()>& holds) const {
    const MonotonicTime deadline = clock.Now() + 10s;
    while (clock.Now() < deadline) {
      if (holds()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  TempFolder folder;
  RealClock clock;
  Options options;
  std::unique_ptr<App> app;
};

TEST_CASE("A request flows to its replica and back") {
  FakeController controller("127.0.0.1:0");
  LocalServer replica(Echo("r1"));
  const uint64_t sequence = controller.Upsert(MakeRoute("echo", replica.address(), 4));
  Gateway gateway({controller.address()});
  REQUIRE(controller.WaitForAck(sequence));

  const auto response = gateway.Ask("POST", "/function/echo/sub/path?x=1", {}, "hello");
  CHECK(response.status == 200);
  CHECK(response.body == "r1 POST /sub/path?x=1 hello");
  CHECK_FALSE(response.headers.Get("X-Call-Id").empty());
  CHECK(gateway.Ask("GET", "/function/echo.default").body == "r1 GET / ");
  CHECK(gateway.Ask("GET", "/function/ecko").status == 404);
  CHECK(controller.WaitForDemand(
      "echo", [](const auto& d) { return d.completed_total() == 2 && d.in_flight() == 0; }));
}

TEST_CASE("A cold request waits, its demand arrives, a route serves it") {
  FakeController controller("127.0.0.1:0");
  LocalServer replica(Echo("fresh"));
  const uint64_t sequence = controller.Upsert(MakeRoute("cold", ""));
  Gateway gateway({controller.address()});
  REQUIRE(controller.WaitForAck(sequence));

  auto first = std::async(std::launch::async, [&] { return gateway.Ask("GET", "/function/cold"); });
  auto second =
      std::async(std::launch::async, [&] { return gateway.Ask("GET", "/function/cold/2"); });
  REQUIRE(controller.WaitForDemand("cold", [](const auto& d) { return d.queued() >= 1; }));
  REQUIRE(controller.WaitForDemand("cold", [](const auto& d) { return d.queued() == 2; }));
  CHECK_THAT(gateway.AskAdmin("/metrics").body,
             Catch::Contains(R"(hearth_gateway_queue_length{function_name="cold.default"} 2)"));
  const auto page = nlohmann::json::parse(gateway.AskAdmin("/debug/functions").body);
  CHECK(page["functions"][0]["queued"] == 2);
  controller.Upsert(MakeRoute("cold", replica.address(), 1));
  CHECK(first.get().body == "fresh GET / ");
  CHECK(second.get().body == "fresh GET /2 ");

  const std::string metrics = gateway.AskAdmin("/metrics").body;
  CHECK_THAT(
      metrics,
      Catch::Contains(
          R"(hearth_cold_start_seconds_count{function_name="cold.default",stage="queue"} 2)"));
}

TEST_CASE("A dead controller fails no warm request") {
  auto controller = std::make_unique<FakeController>("127.0.0.1:0");
  LocalServer replica(Echo("r1"));
  const uint64_t sequence = controller->Upsert(MakeRoute("warm", replica.address(), 0));
  Gateway gateway({controller->address()});
  REQUIRE(controller->WaitForAck(sequence));
  std::atomic<bool> stop{false};
  std::atomic<int> served{0};
  std::atomic<int> failed{0};
  std::thread load([&] {
    while (!stop) {
      (gateway.Ask("GET", "/function/warm").status == 200 ? served : failed)++;
    }
  });
  REQUIRE(gateway.Until([&] { return served > 20; }));
  controller.reset();
  REQUIRE(gateway.Until([&] { return !gateway.app->fleet_status().controller.has_value(); }));
  const int before = served;
  CHECK(gateway.Until([&] { return served > before + 50; }));
  stop = true;
  load.join();
  CHECK(failed == 0);
  const auto closed = gateway.Ask("GET", "/system/functions", {{"Authorization", kAdmin}});
  CHECK(closed.status == 503);
  CHECK(closed.headers.Get("X-Hearth-Error") == "gateway;no_controller");
}

TEST_CASE("A gateway starts from its cached routes") {
  TempFolder folder;
  const std::string cache = folder.path + "/routes.pb";
  LocalServer replica(Echo("r1"));
  {
    FakeController controller("127.0.0.1:0");
    const uint64_t sequence = controller.Upsert(MakeRoute("kept", replica.address(), 1));
    Gateway gateway({controller.address()}, [&](Options& o) { o.route_cache = cache; });
    REQUIRE(controller.WaitForAck(sequence));
  }
  Gateway gateway({"unix:" + folder.path + "/nobody.sock"},
                  [&](Options& o) { o.route_cache = cache; });
  CHECK(gateway.Until([&] { return gateway.Ask("GET", "/function/kept").status == 200; }));
  CHECK(gateway.AskAdmin("/readyz").status == 200);
}

TEST_CASE("The management API is the controller's, behind credentials") {
  LocalServer api([](const std::shared_ptr<net::ServerExchange>& exchange) {
    const auto& request = exchange->request();
    exchange->RespondJson(
        200, R"({"token":")" + std::string(request.headers.Get("X-Hearth-Internal-Token")) +
                 R"(","target":")" + request.target + R"(","body":")" + request.body + R"("})");
  });
  FakeController controller("127.0.0.1:0");
  v1::ControllerHello hello = controller.Hello();
  hello.set_api_address(api.address());
  hello.set_stream_address(api.address());
  hello.set_internal_token("inner-token");
  controller.SetHello(hello);
  Gateway gateway({controller.address()});
  REQUIRE(controller.WaitForAck(1));

  CHECK(gateway.Ask("GET", "/system/functions").status == 401);
  CHECK(gateway.Ask("GET", "/system/functions").headers.Get("WWW-Authenticate") ==
        "Basic realm=\"Restricted\"");
  const auto answer =
      gateway.Ask("POST", "/system/functions?namespace=x",
                  {{"Authorization", kAdmin}, {"X-Hearth-Internal-Token", "forged"}}, "payload");
  REQUIRE(answer.status == 200);
  const auto json = nlohmann::json::parse(answer.body);
  CHECK(json["token"] == "inner-token");
  CHECK(json["target"] == "/system/functions?namespace=x");
  CHECK(json["body"] == "payload");
  CHECK(gateway.Ask("GET", "/system/logs?name=x", {{"Authorization", "Bearer secret"}}).status ==
        200);

  // A rotated password counts within a second or two.
  std::ofstream(gateway.folder.path + "/credentials") << "admin:rotated-password\n";
  CHECK(gateway.Until([&] {
    return gateway.Ask("GET", "/system/info", {{"Authorization", kAdmin}}).status == 401;
  }));
}

TEST_CASE("A private function needs credentials, an open one does not") {
  FakeController controller("127.0.0.1:0");
  LocalServer replica(Echo("r1"));
  v1::FunctionRoute route = MakeRoute("secret", replica.address(), 1);
  route.mutable_policy()->set_private_(true);
  const uint64_t sequence = controller.Upsert(route);
  Gateway gateway({controller.address()});
  REQUIRE(controller.WaitForAck(sequence));
  CHECK(gateway.Ask("GET", "/function/secret").status == 401);
  CHECK(gateway.Ask("GET", "/function/secret", {{"Authorization", "Bearer "}}).status == 401);
  CHECK(gateway.Ask("GET", "/function/secret", {{"Authorization", kAdmin}}).status == 200);
}

TEST_CASE("Functions reach functions through their socket and nothing else") {
  TempFolder folder;
  const std::string socket = folder.path + "/gateway.sock";
  FakeController controller("127.0.0.1:0");
  LocalServer replica(Echo("r1"));
  const uint64_t sequence = controller.Upsert(MakeRoute("echo", replica.address(), 1));
  Gateway gateway({controller.address()}, [&](Options& o) { o.functions_socket = socket; });
  REQUIRE(controller.WaitForAck(sequence));
  const net::Address address = *net::Address::Parse("unix:" + socket);
  for (int i = 0; i < 4; ++i) {  // connections are dealt out to the loops in turn
    CHECK(Gateway::AskAt(address, "GET", "/function/echo").status == 200);
  }
  CHECK(Gateway::AskAt(address, "GET", "/system/functions", {{"Authorization", kAdmin}}).status ==
        404);
}

TEST_CASE("The admin server shows metrics, readiness and live state") {
  FakeController controller;
  Gateway gateway({"127.0.0.1:1"});
  CHECK(gateway.AskAdmin("/healthz").status == 200);
  CHECK(gateway.AskAdmin("/readyz").status == 503);
  const auto early = gateway.Ask("GET", "/function/any");
  CHECK(early.status == 503);  // it may well exist
  CHECK(early.headers.Get("X-Hearth-Error") == "gateway;no_routes");
  CHECK(gateway.AskAdmin("/nothing").status == 404);
  CHECK(gateway.AskAdmin("/debug/functions").body == "{\"functions\":[]}\n");

  LocalServer replica(Echo("r1"));
  FakeController real("127.0.0.1:0");
  const uint64_t sequence = real.Upsert(MakeRoute("echo", replica.address(), 3));
  Gateway connected({real.address()});
  REQUIRE(real.WaitForAck(sequence));
  REQUIRE(connected.Ask("GET", "/function/echo").status == 200);
  CHECK(connected.AskAdmin("/readyz").status == 200);
  CHECK(connected.Until([&] {
    return connected.AskAdmin("/metrics")
               .body.find(
                   R"(gateway_function_invocation_total{function_name="echo.default",code="200"} 1)") !=
           std::string::npos;
  }));
  const auto page = nlohmann::json::parse(connected.AskAdmin("/debug/functions").body);
  REQUIRE(page["functions"].size() == 1);
  const auto& function = page["functions"][0];
  CHECK(function["name"] == "echo");
  CHECK(function["started_total"] == 1);
  CHECK(function["revisions"][0]["replicas"][0]["capacity"] == 3);
  CHECK(page.dump().find("token") == std::string::npos);
}

TEST_CASE("A port that is taken is named, with the flag to change") {
  Gateway first({"127.0.0.1:1"});
  const auto start = [&](const std::function<void(Options&)>& change) {
    Options options;
    options.listen = "127.0.0.1:0";
    options.admin_listen = "127.0.0.1:0";
    options.threads = 2;
    change(options);
    App second(options, first.clock, log::Logger::Null());
    const absl::Status status = second.Start();
    return std::string(Message(status));
  };
  const std::string listen = first.app->address().Text();
  const std::string public_port = start([&](Options& o) { o.listen = listen; });
  CHECK_THAT(public_port, Catch::Contains(listen) && Catch::Contains("--listen"));
  const std::string admin = first.app->admin_address().Text();
  const std::string admin_port = start([&](Options& o) { o.admin_listen = admin; });
  CHECK_THAT(admin_port, Catch::Contains(admin) && Catch::Contains("--admin-listen"));
  CHECK_THAT(start([](Options& o) { o.auth_file = "/nonexistent/credentials"; }),
             Catch::Contains("--auth-file"));
  CHECK_THAT(start([](Options& o) { o.controller_ca = "/nonexistent/ca.pem"; }),
             Catch::Contains("--controller-ca"));
}

TEST_CASE("Draining lets a request finish") {
  std::promise<std::shared_ptr<net::ServerExchange>> arrived;
  LocalServer replica(
      [&](const std::shared_ptr<net::ServerExchange>& exchange) { arrived.set_value(exchange); });
  FakeController controller("127.0.0.1:0");
  const uint64_t sequence = controller.Upsert(MakeRoute("slow", replica.address(), 1));
  Gateway gateway({controller.address()});
  REQUIRE(controller.WaitForAck(sequence));
  auto answer =
      std::async(std::launch::async, [&] { return gateway.Ask("GET", "/function/slow"); });
  auto exchange = arrived.get_future().get();
  gateway.app->BeginDrain();
  CHECK(gateway.AskAdmin("/readyz").status == 503);
  CHECK_FALSE(gateway.app->drained());
  replica.Post([exchange = std::move(exchange)] { exchange->Respond(200, {}, "done"); });
  CHECK(answer.get().body == "done");
  CHECK(gateway.Until([&] { return gateway.app->drained(); }));
}

TEST_CASE("Each request leaves a line in the access log") {
  TempFolder folder;
  const std::string path = folder.path + "/access.log";
  {
    FakeController controller("127.0.0.1:0");
    LocalServer replica(Echo("r1"));
    const uint64_t sequence = controller.Upsert(MakeRoute("echo", replica.address(), 1));
    Gateway gateway({controller.address()}, [&](Options& o) {
      o.access_log = "json";
      o.access_log_file = path;
    });
    REQUIRE(controller.WaitForAck(sequence));
    gateway.Ask("GET", "/function/echo/a?password=hidden", {{"X-Call-Id", "call-7"}});
    gateway.Ask("GET", "/nothing");
  }
  std::ifstream in(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  REQUIRE(lines.size() == 2);
  const auto& first = lines[0]["status"] == 200 ? lines[0] : lines[1];
  const auto& second = lines[0]["status"] == 200 ? lines[1] : lines[0];
  CHECK(first["path"] == "/function/echo/a");
  CHECK(first["call_id"] == "call-7");
  CHECK(first["function"] == "echo");
  CHECK(first["namespace"] == "default");
  CHECK(first["replica"] == "r-1-echo");
  CHECK(second["status"] == 404);
  CHECK(first.dump().find("hidden") == std::string::npos);
}

}  // namespace
}  // namespace hearth::gateway
