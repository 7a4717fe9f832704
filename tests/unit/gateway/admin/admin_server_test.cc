#include "gateway/admin/admin_server.h"

#include <catch2/catch.hpp>

#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"

namespace hearth::gateway {
namespace {

class Admin {
 public:
  Admin() : server_(loop_, Pages()) {
    REQUIRE(server_.Listen(*net::Address::Parse("127.0.0.1:8082")).ok());
  }
  std::string Ask(const std::string& method, const std::string& target) {
    fakes::TestPeer client(loop_, "127.0.0.1:8082");
    client.Send(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    loop_.RunUntilIdle();
    return client.received();
  }
  Readiness readiness;

 private:
  AdminPages Pages() {
    AdminPages pages;
    pages.metrics = [] { return std::string("up 1\n"); };
    pages.readiness = [this] { return readiness; };
    pages.functions = [] { return std::string("{\"functions\":[]}"); };
    pages.top = [] { return std::string("{\"gateway\":{}}"); };
    return pages;
  }
  fakes::FakeClock clock_;
  fakes::MemoryLoop loop_{clock_};
  AdminServer server_;
};

TEST_CASE("Operators find metrics, health, readiness and live state") {
  Admin admin;
  CHECK_THAT(admin.Ask("GET", "/metrics"),
             Catch::StartsWith("HTTP/1.1 200") && Catch::EndsWith("up 1\n"));
  CHECK_THAT(admin.Ask("GET", "/healthz"), Catch::StartsWith("HTTP/1.1 200"));
  CHECK_THAT(admin.Ask("GET", "/debug/functions"), Catch::Contains("application/json"));
  CHECK_THAT(admin.Ask("GET", "/system/v1/top"), Catch::Contains("{\"gateway\":{}}"));
  CHECK_THAT(admin.Ask("GET", "/system/functions"), Catch::StartsWith("HTTP/1.1 404"));
  CHECK_THAT(admin.Ask("POST", "/metrics"), Catch::StartsWith("HTTP/1.1 405"));
}

TEST_CASE("Readiness says why not") {
  Admin admin;
  admin.readiness = {false, "no routes yet"};
  CHECK_THAT(admin.Ask("GET", "/readyz"),
             Catch::StartsWith("HTTP/1.1 503") && Catch::Contains("no routes yet"));
  admin.readiness = {true, {}};
  CHECK_THAT(admin.Ask("GET", "/readyz"), Catch::StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace hearth::gateway
