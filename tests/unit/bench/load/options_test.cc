#include "bench/load/options.h"

#include <catch2/catch.hpp>

#include "core/base/absl_compat.h"

namespace hearth::load {
namespace {

Options At(std::string url) {
  Options options;
  options.url = std::move(url);
  return options;
}

std::string Complaint(const Options& options) {
  return std::string(Message(MakePlan(options).status()));
}

TEST_CASE("a plan holds the address and a whole request head") {
  Options options = At("http://127.0.0.1:8080/function/f?x=1");
  options.body = 10;
  options.headers = {"X-One: 1"};
  const auto plan = MakePlan(options);
  REQUIRE(plan.ok());
  CHECK(plan->address.Text() == "127.0.0.1:8080");
  CHECK(plan->method == "POST");
  REQUIRE(plan->targets.size() == 1);
  CHECK(plan->targets[0].head ==
        "POST /function/f?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-One: 1\r\n"
        "Content-Length: 10\r\n\r\n");
}

TEST_CASE("a mix takes the place of the path") {
  Options options = At("http://[::1]:1");
  options.mix = {"0.9=/short", "0.1=/long?ms=5"};
  const auto plan = MakePlan(options);
  REQUIRE(plan.ok());
  CHECK(plan->address.Text() == "[::1]:1");
  REQUIRE(plan->targets.size() == 2);
  CHECK(plan->targets[1].path == "/long?ms=5");
  CHECK(plan->targets[1].weight == Approx(0.1));
}

TEST_CASE("what cannot be run is refused by name") {
  CHECK_THAT(Complaint(At("ftp://x/")), Catch::Contains("--url \"ftp://x/\""));
  CHECK_THAT(Complaint(At("http://127.0.0.1:0/")), Catch::Contains("port"));
  Options options = At("http://127.0.0.1:1/");
  options.mix = {"x=/a"};
  CHECK_THAT(Complaint(options), Catch::Contains("--mix \"x=/a\""));
  options = At("http://127.0.0.1:1/");
  options.connections = 0;
  CHECK_THAT(Complaint(options), Catch::Contains("--connections"));
  options = At("http://127.0.0.1:1/");
  options.websocket = true;
  CHECK_THAT(Complaint(options), Catch::Contains("--body"));
  options = At("http://127.0.0.1:1/");
  options.headers = {"no colon"};
  CHECK_THAT(Complaint(options), Catch::Contains("--header \"no colon\""));
}

}  // namespace
}  // namespace hearth::load
