#include "controller/api/api_server.h"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "tests/unit/controller/api/fake_platform.h"

using namespace hearth;
using namespace hearth::controller;

namespace {

// Sends the bytes and reads until the server closes or the answer has its whole body.
std::string Exchange(const std::string& address, const std::string& bytes) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port =
      htons(static_cast<uint16_t>(ParseUint(address.substr(address.rfind(':') + 1)).value()));
  ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  const timeval limit{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  ::shutdown(fd.get(), SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<size_t>(n));
  }
  return answer;
}

std::string Request(const std::string& method, const std::string& target, const std::string& token,
                    const std::string& body = "") {
  return Cat(method, " ", target, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
             token.empty() ? "" : "X-Hearth-Internal-Token: " + token + "\r\n",
             "Content-Length: ", body.size(), "\r\n\r\n", body);
}

}  // namespace

TEST_CASE("The API over HTTP: the gateways' token opens it, everything gets an answer") {
  FakePlatform platform;
  Api api(&platform, {});
  ApiServerOptions options;
  options.internal_token = "sesame";
  options.max_body = 100'000;
  ApiServer server(options, &api, log::Logger::Null());
  REQUIRE(server.Start().ok());
  const std::string at = server.address();
  const auto status = [&](const std::string& request) {
    return Exchange(at, request).substr(0, 12);
  };

  CHECK(status(Request("GET", "/system/info", "")) == "HTTP/1.1 403");
  CHECK(status(Request("GET", "/system/info", "wrong")) == "HTTP/1.1 403");
  CHECK(status(Request("GET", "/system/info", "sesame")) == "HTTP/1.1 200");
  CHECK(status(Request("GET", "/system/nothing", "sesame")) == "HTTP/1.1 404");
  const std::string secret = R"({"name":"k","value":"v"})";
  CHECK(status(Request("POST", "/system/secrets?namespace=default", "sesame", secret)) ==
        "HTTP/1.1 202");
  const std::string listed =
      Exchange(at, Request("GET", "/system/secrets?namespace=de%66ault", "sesame"));
  CHECK(listed.find("[{\"name\":\"k\",\"namespace\":\"default\"}]") != std::string::npos);
  CHECK(listed.find("Content-Type: application/json") != std::string::npos);
  CHECK(status(Request("POST", "/system/secrets", "sesame", std::string(200'000, 'x'))) ==
        "HTTP/1.1 413");
  CHECK(status(Request("DELETE", "/system/functions", "sesame", "nonsense")) == "HTTP/1.1 400");

  // Several at once, more than there are threads.
  std::vector<std::thread> clients;
  std::atomic<int> ok{0};
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      if (Exchange(at, Request("GET", "/system/info", "sesame")).starts_with("HTTP/1.1 200")) ++ok;
    });
  }
  for (auto& client : clients) client.join();
  CHECK(ok == 16);
  server.Stop();
}

TEST_CASE("A port in use is an error that names it") {
  FakePlatform platform;
  Api api(&platform, {});
  ApiServer first({}, &api, log::Logger::Null());
  REQUIRE(first.Start().ok());
  ApiServerOptions taken;
  taken.port = static_cast<uint16_t>(
      ParseUint(first.address().substr(first.address().rfind(':') + 1)).value());
  ApiServer second(taken, &api, log::Logger::Null());
  const absl::Status status = second.Start();
  REQUIRE_FALSE(status.ok());
  CHECK(std::string(status.message()).find(first.address()) != std::string::npos);
}
