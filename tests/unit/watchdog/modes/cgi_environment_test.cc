#include "watchdog/modes/cgi_environment.h"

#include <catch2/catch.hpp>

namespace hearth::watchdog {
namespace {

TEST_CASE("no field stands for a query that was not sent", "[watchdog][process]") {
  http::RequestHead head;
  head.method = "GET";
  head.path = "/";
  head.headers.Add("Query", "x=1");
  std::vector<std::string> env;
  AppendCgiEnvironment(head, "id-1", &env);
  CHECK(env == std::vector<std::string>{"Http_Method=GET", "Http_Path=/", "Http_X_Call_Id=id-1"});
}

TEST_CASE("a request as of-watchdog's environment", "[watchdog][process]") {
  http::RequestHead head;
  head.method = "POST";
  head.path = "/a/b";
  head.query = "x=1";
  head.host = "example";
  head.headers.Add("host", "example");
  head.headers.Add("content-type", "text/plain");
  head.headers.Add("X-Forwarded-For", "1.2.3.4");
  head.headers.Add("X-FORWARDED-for", "second");
  head.headers.Add("X-Hearth-Token", "secret");
  head.headers.Add("Proxy", "http://evil");
  head.headers.Add("X-Call-Id", "of somebody else");
  head.headers.Add("Path", "/elsewhere");
  std::vector<std::string> env = {"PATH=/bin"};
  AppendCgiEnvironment(head, "id-1", &env);
  CHECK(env == std::vector<std::string>{"PATH=/bin", "Http_Method=POST", "Http_Path=/a/b",
                                        "Http_Query=x=1", "Http_Host=example",
                                        "Http_X_Call_Id=id-1", "Http_Content_Type=text/plain",
                                        "Http_X_Forwarded_For=1.2.3.4, second"});
}

}  // namespace
}  // namespace hearth::watchdog
