#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>

#include "tests/unit/watchdog/app/app_fixture.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a request waits for the runtime and comes back as its answer", "[watchdog][native]") {
  AppFixture f(Environment{});
  auto client = f.Get("/a?x=1", "X-Call-Id: 11111111-2222-4333-8444-555555555555\r\n");
  CHECK(client->received().empty());
  CHECK_THAT(f.Control("GET /status"), Contains("\"state\":\"starting\""));
  FakeRuntime runtime(f);
  runtime.AskNext();
  const std::string id = runtime.TakeId();
  CHECK(id == "11111111-2222-4333-8444-555555555555");
  CHECK_THAT(runtime.last, Contains("\"rawPath\":\"/a\""));
  CHECK_THAT(runtime.last, Contains("Lambda-Runtime-Deadline-Ms: 1700000060000\r\n"));
  CHECK_THAT(runtime.last,
             Contains("Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:"
                      "function\r\n"));
  CHECK_THAT(runtime.last, Contains("Content-Type: application/json\r\n"));
  f.Advance(milliseconds(250));
  CHECK(runtime.Respond(id, R"({"statusCode":201,"headers":{"x":"y"},"body":"hi"})") ==
        "HTTP/1.1 202 Accepted");
  CHECK(StatusOf(*client) == "201");
  CHECK_THAT(client->received(), Contains("x: y\r\n"));
  CHECK_THAT(client->received(), Contains("X-Call-Id: " + id));
  CHECK_THAT(client->received(), Contains("X-Duration-Seconds: 0.250000\r\n"));
  CHECK_THAT(client->received(), Catch::EndsWith("\r\n\r\nhi"));
  CHECK_THAT(f.Control("GET /status"), Contains("\"state\":\"ready\""));
  CHECK_THAT(f.Control("GET /metrics"),
             Contains("http_requests_total{code=\"201\",method=\"get\"} 1"));
}

TEST_CASE("the environment and the log of the function", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_FUNCTION", "hello"}, {"HEARTH_TOKEN", "s"}, {"MINE", "1"}});
  const auto& env = f.launcher.last().spec.environment;
  const auto has = [&](const std::string& entry) {
    return std::find(env.begin(), env.end(), entry) != env.end();
  };
  CHECK(has("AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"));
  CHECK(has("AWS_LAMBDA_FUNCTION_NAME=hello"));
  CHECK(has("MINE=1"));
  for (const std::string& entry : env) CHECK_FALSE(entry.starts_with("HEARTH_TOKEN"));
  FakeRuntime runtime(f);
  runtime.AskNext();
  f.launcher.last().out->Send("outside\n");
  f.loop.RunUntilIdle();
  auto client = f.Get("/", "X-Hearth-Token: s\r\n");
  const std::string id = runtime.TakeId();
  f.launcher.last().err->Send("inside\n");
  f.loop.RunUntilIdle();
  CHECK(f.sink.lines == std::vector<std::string>{"stdout||outside", "stderr|" + id + "|inside"});
}

TEST_CASE("a full replica refuses before it reads the body", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto first = f.Get("/");
  auto second = f.Client("POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 5000000\r\n\r\n");
  CHECK(StatusOf(*second) == "503");
  CHECK_THAT(second->received(), Contains("X-Hearth-Busy: not-started\r\n"));
  CHECK_THAT(second->received(), Contains("X-Hearth-Error: watchdog;busy\r\n"));
  runtime.Respond(runtime.TakeId(), "1");
  CHECK(StatusOf(*first) == "200");
  CHECK(StatusOf(*f.Get("/_/health")) == "200");
}

TEST_CASE("bodies over the limit get 413, announced or not", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_MAX_BODY", "10"}});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto known = f.Client("POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 11\r\n\r\n");
  CHECK(StatusOf(*known) == "413");
  CHECK_THAT(known->received(), Contains("watchdog;body_too_large"));
  auto chunked = f.Client(
      "POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n"
      "8\r\n12345678\r\n0\r\n\r\n");
  CHECK(StatusOf(*chunked) == "413");
  CHECK(f.app->front().in_flight() == 0);
  auto fits = f.Client("POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 10\r\n\r\n1234567890");
  CHECK_FALSE(runtime.TakeId().empty());
}

TEST_CASE("a request that takes too long costs the runtime its life", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_TIMEOUT", "3s"}});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  f.Advance(milliseconds(2990));
  CHECK(client->received().empty());
  f.Advance(milliseconds(20));
  CHECK(StatusOf(*client) == "504");
  CHECK_THAT(client->received(), Contains("watchdog;timeout"));
  REQUIRE(f.launcher.processes.size() == 2);
  CHECK(f.launcher.processes[0]->killed == 1);
  auto waiting = f.Get("/next");
  FakeRuntime again(f);
  again.AskNext();
  again.Respond(again.TakeId(), "2");
  CHECK(StatusOf(*waiting) == "200");
  CHECK_THAT(f.Control("GET /status"), Contains("\"restarts\":1"));
}

TEST_CASE("callers may ask for less time, not for more", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_TIMEOUT", "3s"}});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/", "X-Hearth-Timeout-Ms: 500\r\nX-Timeout: 2s\r\n");
  f.Advance(milliseconds(510));
  CHECK(StatusOf(*client) == "504");
  FakeRuntime second(f);
  second.AskNext();
  auto patient = f.Get("/", "X-Timeout: 1h\r\n");
  f.Advance(milliseconds(3010));
  CHECK(StatusOf(*patient) == "504");
}

TEST_CASE("a crash is told, and the next ones are slower to restart", "[watchdog][native]") {
  AppFixture f(Environment{});
  for (int i = 0; i < 2; ++i) {
    FakeRuntime runtime(f);
    runtime.AskNext();
    auto client = f.Get("/");
    f.launcher.last().Exit({1, 0, false});
    f.loop.RunUntilIdle();
    CHECK(StatusOf(*client) == "502");
    CHECK_THAT(client->received(), Contains("function;crashed"));
    CHECK_THAT(client->received(), Contains("Runtime exited with error: exit status 1"));
    f.Advance(milliseconds(5));
  }
  CHECK(f.launcher.processes.size() == 2);  // the second restart waits
  f.Advance(seconds(1));
  CHECK(f.launcher.processes.size() == 3);
  CHECK_THAT(f.Control("GET /status"), Contains("\"last_exit\":{\"reason\":\"exit status 1\""));
}

TEST_CASE("a restart that fails is told to those who wait", "[watchdog][native]") {
  AppFixture f(Environment{});
  {
    FakeRuntime runtime(f);
    runtime.AskNext();
  }
  f.launcher.last().Exit({1, 0, false});
  f.Advance(milliseconds(5));
  auto client = f.Get("/");
  f.launcher.last().Exit({5, 0, false});
  f.loop.RunUntilIdle();
  CHECK(StatusOf(*client) == "502");
  CHECK_THAT(client->received(), Contains("function;init_failed"));
  CHECK_THAT(client->received(), Contains("exit status 5"));
  CHECK_THAT(f.Control("GET /status"), Contains("\"state\":\"ready\""));
}

TEST_CASE("a runtime that never comes back for more is replaced", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_TIMEOUT", "1s"}});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto first = f.Get("/");
  runtime.Respond(runtime.TakeId(), "1");
  auto second = f.Get("/");
  f.Advance(milliseconds(1010));
  CHECK(StatusOf(*second) == "504");
  CHECK(f.launcher.processes.size() == 2);
}

TEST_CASE("the function's own errors go through as they are", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  const std::string body = R"({"errorMessage":"no","errorType":"E"})";
  CHECK(runtime.Post("invocation/" + runtime.TakeId() + "/error", body) == "HTTP/1.1 202 Accepted");
  CHECK(StatusOf(*client) == "500");
  CHECK_THAT(client->received(), Contains("X-Hearth-Error: function;error\r\n"));
  CHECK_THAT(client->received(), Catch::EndsWith(body));
}

TEST_CASE("an error's cause for X-Ray is not for callers", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  runtime.Post("invocation/" + runtime.TakeId() + "/error",
               R"({"errorMessage":"no","errorCause":{"a":1}})",
               "Content-Type: application/vnd.aws.lambda.error.cause+json\r\n");
  CHECK_THAT(client->received(), Catch::EndsWith(R"({"errorMessage":"no"})"));
}

TEST_CASE("a function that cannot start is final and says why", "[watchdog][native]") {
  AppFixture f(Environment{});
  auto client = f.Get("/");
  SECTION("it exits") {
    f.launcher.last().err->Send("Traceback\n");
    f.loop.RunUntilIdle();
    f.launcher.last().Exit({1, 0, false});
    f.loop.RunUntilIdle();
    CHECK_THAT(client->received(), Contains("exit status 1"));
    CHECK_THAT(f.Control("GET /status"), Contains("\"last_output\":[\"Traceback\"]"));
  }
  SECTION("it posts an init error") {
    FakeRuntime runtime(f);
    CHECK(runtime.Post("init/error", R"({"errorMessage":"no module","errorType":"ImportError"})") ==
          "HTTP/1.1 202 Accepted");
    f.loop.RunUntilIdle();
    CHECK_THAT(client->received(), Contains("ImportError: no module"));
    CHECK(f.launcher.last().killed == 1);
  }
  SECTION("it never asks") {
    f.Advance(seconds(61));
    CHECK_THAT(f.Control("GET /status"), Contains("\"reason\":\"not ready after 1m\""));
  }
  CHECK_FALSE(client->received().empty());
  CHECK_THAT(f.Control("GET /status"), Contains("\"state\":\"failed\""));
  auto later = f.Get("/");
  CHECK(StatusOf(*later) == "502");
  CHECK_THAT(later->received(), Contains("function;init_failed"));
  CHECK(f.launcher.processes.size() == 1);
  CHECK_FALSE(f.exit_code);  // a controller decides
}

TEST_CASE("without a controller a failed function ends the watchdog", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_REPLICA", ""}});
  f.launcher.last().Exit({1, 0, false});
  f.loop.RunUntilIdle();
  CHECK(f.exit_code == 1);
}

TEST_CASE("several workers serve at once and answer out of turn", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_CONCURRENCY", "2"}});
  FakeRuntime one(f), two(f);
  one.AskNext();
  two.AskNext();
  auto a = f.Get("/a");
  auto b = f.Get("/b");
  CHECK(StatusOf(*f.Get("/c")) == "503");
  two.Respond(two.TakeId(), "\"second\"");
  one.Respond(one.TakeId(), "\"first\"");
  CHECK_THAT(a->received(), Catch::EndsWith("first"));
  CHECK_THAT(b->received(), Catch::EndsWith("second"));
}

TEST_CASE("a caller that goes away leaves the runtime its request", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  client->Abort();
  f.loop.RunUntilIdle();
  CHECK(f.app->front().in_flight() == 1);
  CHECK(StatusOf(*f.Get("/")) == "503");
  CHECK(runtime.Respond(runtime.TakeId(), "1") == "HTTP/1.1 202 Accepted");
  CHECK(f.app->front().in_flight() == 0);
}

TEST_CASE("raw events are bytes in and bytes out", "[watchdog][native]") {
  AppFixture f(Environment{{"HEARTH_EVENT", "raw"}});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Client(
      "POST /x HTTP/1.1\r\nHost: f\r\nX-Amz-Client-Context: eyJhIjoxfQ==\r\nContent-Length: "
      "7\r\n\r\n{\"k\":1}");
  const std::string id = runtime.TakeId();
  CHECK_THAT(runtime.last, Catch::EndsWith("\r\n\r\n{\"k\":1}"));
  CHECK_THAT(runtime.last, Contains("Lambda-Runtime-Client-Context: {\"a\":1}\r\n"));
  runtime.Respond(id, "{\"statusCode\":404}");
  CHECK(StatusOf(*client) == "200");
  CHECK_THAT(client->received(), Catch::EndsWith("{\"statusCode\":404}"));
}

TEST_CASE("a streamed answer flows while it is made", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  const std::string id = runtime.TakeId();
  runtime.peer.Send("POST /2018-06-01/runtime/invocation/" + id +
                    "/response HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
                    "Trailer: Lambda-Runtime-Function-Error-Type\r\n"
                    "Content-Type: application/vnd.awslambda.http-integration-response\r\n\r\n");
  const std::string prelude = R"({"statusCode":203,"cookies":["a=b"]})";
  const auto chunk = [&](const std::string& bytes) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    runtime.peer.Send(size + bytes + "\r\n");
    f.loop.RunUntilIdle();
  };
  chunk(prelude.substr(0, 10));
  CHECK(client->received().empty());
  chunk(prelude.substr(10) + std::string(3, '\0'));
  chunk(std::string(5, '\0') + "one");
  CHECK(StatusOf(*client) == "203");
  CHECK_THAT(client->received(), Contains("Set-Cookie: a=b\r\n"));
  CHECK_THAT(client->received(), Catch::EndsWith("3\r\none\r\n"));
  SECTION("to its end") {
    chunk("two");
    runtime.peer.Send("0\r\n\r\n");
    f.loop.RunUntilIdle();
    CHECK_THAT(client->received(), Catch::EndsWith("two\r\n0\r\n\r\n"));
    CHECK_THAT(runtime.peer.received(), Catch::StartsWith("HTTP/1.1 202"));
  }
  SECTION("or breaks off, so that it cannot look whole") {
    runtime.peer.Send(
        "0\r\nLambda-Runtime-Function-Error-Type: Error\r\n"
        "Lambda-Runtime-Function-Error-Body: e30=\r\n\r\n");
    f.loop.RunUntilIdle();
    CHECK(client->reset());
    CHECK_THAT(runtime.peer.received(), Catch::StartsWith("HTTP/1.1 202"));
  }
  CHECK(f.app->front().in_flight() == 0);
}

TEST_CASE("Go's chunked answers with empty trailers are ordinary ones", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  runtime.peer.Send("POST /2018-06-01/runtime/invocation/" + runtime.TakeId() +
                    "/response HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: "
                    "Lambda-Runtime-Function-Error-Body,Lambda-Runtime-Function-Error-Type\r\n\r\n"
                    "4\r\n\"ok\"\r\n0\r\nLambda-Runtime-Function-Error-Body: \r\n"
                    "Lambda-Runtime-Function-Error-Type: \r\n\r\n");
  f.loop.RunUntilIdle();
  CHECK_THAT(client->received(), Catch::EndsWith("\r\n\r\nok"));
  CHECK_THAT(runtime.peer.received(), Catch::StartsWith("HTTP/1.1 202"));
}

TEST_CASE("requests of the Runtime API that are wrong", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  CHECK(runtime.Post("invocation/nobody/response", "1") == "HTTP/1.1 400 Bad Request");
  CHECK_THAT(runtime.last, Contains("\"errorType\":\"InvalidRequestID\""));
  runtime.AskNext();
  auto client = f.Get("/");
  const std::string id = runtime.TakeId();
  CHECK(runtime.Post("invocation/" + id + "/response", "1",
                     "Lambda-Runtime-Function-Response-Mode: sideways\r\n") ==
        "HTTP/1.1 400 Bad Request");
  CHECK_THAT(runtime.last, Contains("InvalidFunctionResponseMode"));
  CHECK(StatusOf(*client) == "502");
  CHECK(runtime.Post("init/error", "{}") == "HTTP/1.1 403 Forbidden");
  CHECK(runtime.Post("nothing", "{}") == "HTTP/1.1 404 Not Found");
  runtime.AskNext();
  auto big = f.Get("/");
  CHECK(runtime.Respond(runtime.TakeId(), std::string(6291557, 'x')) ==
        "HTTP/1.1 413 Content Too Large");
  CHECK_THAT(runtime.last, Contains("Exceeded maximum allowed payload size (6291556 bytes)."));
  CHECK(StatusOf(*big) == "500");
  CHECK_THAT(big->received(), Contains("Function.ResponseSizeTooLarge"));
}

TEST_CASE("a megabyte of header does not break the runtime", "[watchdog][native]") {
  AppFixture f(Environment{});
  FakeRuntime runtime(f);
  runtime.AskNext();
  auto client = f.Get("/");
  CHECK(runtime.Post("invocation/" + runtime.TakeId() + "/error", "{}",
                     "Lambda-Runtime-Function-XRay-Error-Cause: " + std::string(1 << 20, 'c') +
                         "\r\n") == "HTTP/1.1 202 Accepted");
}

}  // namespace
}  // namespace hearth::watchdog
