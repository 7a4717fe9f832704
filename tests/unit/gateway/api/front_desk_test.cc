#include "gateway/api/front_desk.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace hearth::gateway {
namespace {

constexpr const char* kAdmin = "Basic YWRtaW46c2VjcmV0";  // admin:secret

class Desk {
 public:
  Desk() : file_(MakeFile()), desk_(&file_, "1.2.3", log::Logger::Null()) {
    REQUIRE(file_.Refresh().ok());
  }
  ~Desk() { std::remove(file_.path().c_str()); }

  std::variant<proxy::LocalResponse, proxy::ForwardTarget> Ask(
      std::string_view method, std::string_view path, std::string_view authorization = {},
      proxy::ListenerKind listener = proxy::ListenerKind::kPublic) {
    http::RequestHead request;
    request.method = method;
    request.path = path;
    request.host = "localhost:8080";
    if (!authorization.empty()) request.headers.Add("Authorization", authorization);
    return desk_.Handle(request, {listener, "127.0.0.1", "call-1"});
  }
  proxy::LocalResponse Local(std::string_view method, std::string_view path,
                             std::string_view authorization = {}) {
    auto answer = Ask(method, path, authorization);
    REQUIRE(std::holds_alternative<proxy::LocalResponse>(answer));
    return std::get<proxy::LocalResponse>(std::move(answer));
  }
  void Connect() {
    fleet::ControllerInfo info;
    info.api_address = "127.0.0.1:9001";
    info.stream_address = "unix:/run/stream.sock";
    info.internal_token = "inner";
    desk_.SetController(info);
  }
  FrontDesk& operator*() { return desk_; }

 private:
  static std::string MakeFile() {
    char path[] = "/tmp/hearth-desk-XXXXXX";
    ::close(::mkstemp(path));
    std::ofstream(path) << "admin:secret\n";
    return path;
  }
  auth::CredentialFile file_;
  FrontDesk desk_;
};

std::string Field(const proxy::LocalResponse& response, std::string_view name) {
  for (const auto& [field, value] : response.headers) {
    if (field == name) return value;
  }
  return {};
}

TEST_CASE("Health and the front page need no credentials") {
  Desk desk;
  CHECK(desk.Local("GET", "/healthz").status == 200);
  CHECK(desk.Local("GET", "/healthz").body == "OK");
  CHECK(desk.Local("HEAD", "/healthz").status == 200);
  CHECK(desk.Local("POST", "/healthz").status == 405);
  const auto page = desk.Local("GET", "/");
  CHECK(page.status == 200);
  CHECK(nlohmann::json::parse(page.body)["version"] == "1.2.3");
}

TEST_CASE("The gateway's own numbers are for those with credentials, from its admin address") {
  Desk desk;
  desk.Connect();
  CHECK(desk.Local("GET", "/system/v1/top").status == 401);
  const auto none = desk.Local("GET", "/system/v1/top", kAdmin);
  CHECK(none.status == 503);
  CHECK(none.reason == "no_admin");
  (*desk).SetAdmin(*net::Address::Parse("127.0.0.1:8082"));
  const auto answer = desk.Ask("GET", "/system/v1/top", kAdmin);
  REQUIRE(std::holds_alternative<proxy::ForwardTarget>(answer));
  const auto& target = std::get<proxy::ForwardTarget>(answer);
  CHECK(target.address.Text() == "127.0.0.1:8082");
  CHECK(target.headers.empty());  // the controller's token is none of its business
  CHECK(desk.Local("POST", "/system/v1/top", kAdmin).status == 405);
}

TEST_CASE("An unknown path is told what exists") {
  Desk desk;
  const auto response = desk.Local("GET", "/functoin/x");
  CHECK(response.status == 404);
  CHECK(Field(response, "X-Hearth-Error") == "gateway;not_found");
  CHECK(response.reason == "not_found");
  const auto json = nlohmann::json::parse(response.body);
  CHECK_THAT(json["error"].get<std::string>(), Catch::Contains("/function/NAME"));
  CHECK(desk.Local("GET", "/systematic").status == 404);
}

TEST_CASE("The management API needs credentials") {
  Desk desk;
  desk.Connect();
  for (const char* authorization : {"", "Bearer ", "Basic YWRtaW46d3Jvbmc=", "Bearer admin"}) {
    DYNAMIC_SECTION("with \"" << authorization << "\"") {
      const auto response = desk.Local("GET", "/system/functions", authorization);
      CHECK(response.status == 401);
      CHECK(Field(response, "WWW-Authenticate") == "Basic realm=\"Restricted\"");
      CHECK(nlohmann::json::parse(response.body).contains("error"));
    }
  }
}

TEST_CASE("With credentials it goes to the controller, with the gateway's own proof") {
  Desk desk;
  desk.Connect();
  const auto api = desk.Ask("GET", "/system/functions", kAdmin);
  REQUIRE(std::holds_alternative<proxy::ForwardTarget>(api));
  const auto& target = std::get<proxy::ForwardTarget>(api);
  CHECK(target.address.Text() == "127.0.0.1:9001");
  REQUIRE(target.headers.size() == 1);
  CHECK(target.headers[0] ==
        std::pair<std::string, std::string>("X-Hearth-Internal-Token", "inner"));
  CHECK(target.max_body_bytes > 0);

  for (const char* path : {"/system/logs", "/system/bundles/sha256:00"}) {
    const auto streamed = desk.Ask("GET", path, "Bearer secret");
    REQUIRE(std::holds_alternative<proxy::ForwardTarget>(streamed));
    CHECK(std::get<proxy::ForwardTarget>(streamed).address.Text() == "unix:/run/stream.sock");
    CHECK(std::get<proxy::ForwardTarget>(streamed).stream_idle_timeout == Duration::zero());
    CHECK(std::get<proxy::ForwardTarget>(streamed).max_body_bytes == 0);
  }
}

TEST_CASE("Without a controller the management API is unavailable, after the credentials count") {
  Desk desk;
  CHECK(desk.Local("GET", "/system/info").status == 401);
  const auto response = desk.Local("GET", "/system/info", kAdmin);
  CHECK(response.status == 503);
  CHECK(Field(response, "Retry-After") == "1");
  CHECK(Field(response, "X-Hearth-Error") == "gateway;no_controller");
  CHECK(response.reason == "no_controller");
  desk.Connect();
  CHECK(std::holds_alternative<proxy::ForwardTarget>(desk.Ask("GET", "/system/info", kAdmin)));
  (*desk).SetController(std::nullopt);
  CHECK(desk.Local("GET", "/system/info", kAdmin).status == 503);
}

TEST_CASE("Functions reach functions and nothing else") {
  Desk desk;
  desk.Connect();
  for (const char* path : {"/system/functions", "/healthz", "/"}) {
    const auto answer = desk.Ask("GET", path, kAdmin, proxy::ListenerKind::kFunctionsOnly);
    REQUIRE(std::holds_alternative<proxy::LocalResponse>(answer));
    CHECK(std::get<proxy::LocalResponse>(answer).status == 404);
  }
}

TEST_CASE("A gateway without credentials keeps the management API closed") {
  FrontDesk desk(nullptr, "1", log::Logger::Null());
  http::RequestHead request;
  request.method = "GET";
  request.path = "/system/functions";
  request.headers.Add("Authorization", kAdmin);
  const auto answer = desk.Handle(request, {});
  REQUIRE(std::holds_alternative<proxy::LocalResponse>(answer));
  CHECK(std::get<proxy::LocalResponse>(answer).status == 403);
}

}  // namespace
}  // namespace hearth::gateway
