// What a replica gets to see of a request, and what a client gets back.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

TEST_CASE("a request reaches its function and the answer comes back") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get("/function/f/some/path?a=1&b=%20", "X-Call-Id: abc\r\nAccept: */*\r\n"));

  REQUIRE(replica.size() == 1);
  const Message seen = ParseMessage(replica.last().received());
  CHECK(seen.start_line == "GET /some/path?a=1&b=%20 HTTP/1.1");
  CHECK(seen.Header("host") == "gw");
  CHECK(seen.Header("accept") == "*/*");
  CHECK(seen.Header("x-call-id") == "abc");
  CHECK(seen.Header("x-start-time") == "1700000000000000000");
  CHECK(seen.Header("x-forwarded-for") == "127.0.0.1");
  CHECK(seen.Header("x-forwarded-host") == "gw");
  CHECK(seen.Header("x-forwarded-proto") == "http");
  CHECK(seen.Header("x-hearth-token") == "token-0");
  CHECK(seen.Header("x-hearth-timeout-ms") == "60000");
  CHECK_FALSE(seen.Header("content-length"));

  h.Send(replica.last(), Ok("hello", "X-Duration-Seconds: 0.5\r\nX-Call-Id: other\r\n"));
  const Message answer = ParseMessage(client->received());
  CHECK(answer.start_line == "HTTP/1.1 200 OK");
  CHECK(answer.body == "hello");
  CHECK(answer.Header("content-length") == "5");
  CHECK(answer.Header("x-call-id") == "abc");
  CHECK(answer.Count("x-call-id") == 1);
  CHECK(answer.Header("x-start-time") == "1700000000000000000");
  CHECK(answer.Header("x-served-by") == "hearth/0");
  CHECK(answer.Header("x-duration-seconds") == "0.5");
  CHECK_FALSE(answer.Header("connection"));

  REQUIRE(h.edge.finished.size() == 1);
  const RecordCopy& record = h.edge.finished[0];
  CHECK(record.function == "f.default");
  CHECK(record.status == 200);
  CHECK(record.call_id == "abc");
  CHECK(record.replica_id == "r-1-0");
  CHECK(record.reason.empty());
  CHECK(record.bytes_out == 5);
  CHECK_FALSE(record.cold);
  CHECK(h.edge.started == 1);
}

TEST_CASE("paths lead where they should") {
  struct Case {
    std::string target;
    std::string wanted;  // request line at the replica, or the answer's status
  };
  const Case cases[] = {
      {"/function/f", "GET / HTTP/1.1"},
      {"/function/f/", "GET / HTTP/1.1"},
      {"/function/f?q", "GET /?q HTTP/1.1"},
      {"/function/f.default//x/../y", "GET //x/../y HTTP/1.1"},
      {"/function/f.openfaas-fn/z", "GET /z HTTP/1.1"},
      {"http://other.example/function/f/abs?x=1", "GET /abs?x=1 HTTP/1.1"},
      {"/function/g", "404"},
      {"/function/f.nowhere", "404"},
      {"/function/", "404"},
      {"/async-function/f", "501"},
      {"/healthz", "200"},
      {"/", "200"},
      {"/function", "200"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.target) {
      Harness h;
      TestServer replica(h.loop, kReplica);
      h.Install({h.Function({std::string(kReplica)})});
      auto client = h.Client();
      h.Send(*client, Get(c.target));
      if (c.wanted.size() == 3) {
        CHECK(ParseMessage(client->received()).status() == std::stoi(c.wanted));
        CHECK(replica.size() == 0);
      } else {
        REQUIRE(replica.size() == 1);
        CHECK(ParseMessage(replica.last().received()).start_line == c.wanted);
      }
    }
  }
}

TEST_CASE("an unknown function is answered with names like it") {
  Harness h;
  auto other = h.Function({});
  other.key.name = "resize-image";
  h.Install({h.Function({}), other});
  const Message answer = h.Call(Get("/function/resize-imge"));
  CHECK(answer.status() == 404);
  CHECK(answer.Header("x-hearth-error") == "gateway;function_not_found");
  CHECK(answer.Header("x-openfaas-internal") == "gateway");
  CHECK(answer.Header("content-type") == "application/json");
  CHECK(answer.body.find("did you mean \\\"resize-image\\\"?") != std::string::npos);
  CHECK(answer.body.find("\"reason\":\"function_not_found\"") != std::string::npos);
}

TEST_CASE("fields of the connection and of the platform do not pass") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get("/function/f",
                      "Connection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\n"
                      "TE: trailers\r\nProxy-Authorization: x\r\nX-Hearth-Token: forged\r\n"
                      "X-Hearth-Busy: x\r\nUpgrade: h2c\r\nX-Forwarded-For: 1.2.3.4\r\n"
                      "X-Forwarded-Proto: https\r\nX-Public: 2\r\n"));
  const Message seen = ParseMessage(replica.last().received());
  for (const char* name : {"connection", "x-private", "keep-alive", "te", "proxy-authorization",
                           "x-hearth-busy", "upgrade"}) {
    CAPTURE(name);
    CHECK_FALSE(seen.Header(name));
  }
  CHECK(seen.Header("x-hearth-token") == "token-0");
  CHECK(seen.Count("x-hearth-token") == 1);
  CHECK(seen.Header("x-forwarded-for") == "1.2.3.4, 127.0.0.1");
  CHECK(seen.Header("x-forwarded-proto") == "https");
  CHECK(seen.Header("x-public") == "2");

  h.Send(replica.last(), Ok("x", "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"));
  const Message answer = ParseMessage(client->received());
  CHECK_FALSE(answer.Header("x-hop"));
  CHECK_FALSE(answer.Header("keep-alive"));
  CHECK(answer.Header("connection") == "close");
  CHECK(client->eof());
}

TEST_CASE("connections are kept, on both sides") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.AnswerAll(replica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  for (int i = 0; i < 5; ++i) {
    h.Send(*client, Get());
    CHECK(ParseMessage(client->TakeReceived()).body == "ok");
  }
  CHECK(replica.size() == 1);
  CHECK(h.loop.connects(kReplica) == 1);
  h.loop.Advance(seconds(74));
  CHECK_FALSE(client->eof());
  h.loop.Advance(seconds(2));
  CHECK(client->eof());
  CHECK(replica.last().eof());  // unused for longer than its own limit
  client->Close();
  h.Run();
  CHECK(h.edge.connections == 0);
}

TEST_CASE("pipelined requests are answered in order") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)}, 0)});
  replica.on_change = [](TestPeer& peer) {
    const Message seen = ParseMessage(peer.TakeReceived());
    peer.Send(Ok(seen.start_line.substr(5, 1)));
  };
  auto client = h.Client();
  h.Send(*client, Get("/function/f/1") + Get("/function/f/2") + Get("/x") + Get("/function/f/3"));
  const std::string all = client->received();
  const size_t one = all.find("\r\n\r\n1");
  const size_t two = all.find("\r\n\r\n2");
  const size_t local = all.find("\r\n\r\nlocal /x");
  const size_t three = all.find("\r\n\r\n3");
  REQUIRE(three != std::string::npos);
  CHECK((one < two && two < local && local < three));
  CHECK(h.loop.connects(kReplica) == 1);
}

TEST_CASE("a request may come byte by byte") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.AnswerAll(replica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  for (const char c : Get()) h.Send(*client, {&c, 1});
  CHECK(ParseMessage(client->received()).body == "ok");
}

TEST_CASE("versions and methods") {
  struct Case {
    std::string name, request, answer, want_connection;
    std::string want_body;
    bool closes;
  };
  const std::string ok = Ok("hello");
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const Case cases[] = {
      {"1.0", "GET /function/f HTTP/1.0\r\n\r\n", ok, "close", "hello", true},
      {"1.0 keep-alive", "GET /function/f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ok,
       "keep-alive", "hello", false},
      {"1.0 does not know chunks", "GET /function/f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
       chunked, "close", "abc", true},
      {"head", "HEAD /function/f HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "", "", false},
      {"204", Get(), "HTTP/1.1 204 No Content\r\n\r\n", "", "", false},
      {"304 keeps its length", Get(), "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "",
       "", false},
      {"chunked", Get(), chunked, "", "3\r\nabc\r\n0\r\n\r\n", false},
      {"reset content", Get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", "", false},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      Harness h;
      TestServer replica(h.loop, kReplica);
      h.Install({h.Function({std::string(kReplica)})});
      auto client = h.Client();
      h.Send(*client, c.request);
      h.Send(replica.last(), c.answer);
      const Message answer = ParseMessage(client->received());
      CHECK(answer.body == c.want_body);
      CHECK(answer.Header("connection").value_or("") == c.want_connection);
      CHECK(client->eof() == c.closes);
      if (c.name == "head") CHECK(answer.Header("content-length") == "1234");
      if (c.name == "304 keeps its length") CHECK(answer.Header("content-length") == "9");
      if (c.name == "204") CHECK_FALSE(answer.Header("content-length"));
      CHECK(h.edge.finished.size() == 1);
    }
  }
}

TEST_CASE("what is not HTTP is refused, counted, and read no further") {
  struct Case {
    std::string name, bytes;
    int status;
  };
  const Case cases[] = {
      {"both lengths",
       "POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       400},
      {"no host", "GET /function/f HTTP/1.1\r\n\r\n", 400},
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", 400},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"large head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70000, 'a') + "\r\n\r\n",
       431},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      Harness h;
      auto client = h.Client();
      h.Send(*client, c.bytes);
      const Message answer = ParseMessage(client->received());
      CHECK(answer.status() == c.status);
      CHECK(answer.Header("connection") == "close");
      CHECK(StartsWithIgnoreCase(answer.Header("x-hearth-error").value_or(""), "gateway;"));
      REQUIRE(h.edge.rejected.size() == 1);
      CHECK(h.edge.rejected[0].first == c.status);
      h.loop.Advance(seconds(3));
      CHECK(client->eof());
      CHECK(h.path.connections() == 0);
    }
  }
}

TEST_CASE("a slow head is answered with 408, a silent connection is closed") {
  Harness h;
  auto slow = h.Client();
  auto silent = h.Client();
  h.Send(*slow, "GET / HT");
  h.loop.Advance(seconds(9));
  h.Send(*slow, "T");
  CHECK(slow->received().empty());
  h.loop.Advance(seconds(2));
  CHECK(ParseMessage(slow->received()).status() == 408);
  CHECK(silent->received().empty());
  CHECK(silent->eof());
}

TEST_CASE("requests that are no function's go to the controller as they came") {
  Harness h;
  TestServer controller(h.loop, "10.9.9.9:8081");
  auto client = h.Client();
  h.Send(*client, Get("/system/functions?namespace=x", "Authorization: Basic abc\r\n"));
  REQUIRE(controller.size() == 1);
  const Message seen = ParseMessage(controller.last().received());
  CHECK(seen.start_line == "GET /system/functions?namespace=x HTTP/1.1");
  CHECK(seen.Header("authorization") == "Internal secret");
  CHECK(seen.Count("authorization") == 1);
  CHECK_FALSE(seen.Header("x-hearth-timeout-ms"));
  h.Send(controller.last(), Ok("[]"));
  CHECK(ParseMessage(client->TakeReceived()).body == "[]");
  h.Send(*client, Get("/system/info"));
  CHECK(controller.size() == 1);  // the same connection
}

TEST_CASE("without a controller the management API says so") {
  Harness h;
  const Message answer = h.Call(Get("/system/info"));
  CHECK(answer.status() == 503);
  CHECK(answer.Header("x-hearth-error") == "gateway;controller_unavailable");
  CHECK(answer.Header("retry-after") == "1");
}

TEST_CASE("the socket of the functions serves functions only") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.AnswerAll(replica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.FunctionsClient();
  h.Send(*client, Get());
  CHECK(ParseMessage(client->TakeReceived()).status() == 200);
  for (const char* path : {"/system/functions", "/healthz", "/"}) {
    h.Send(*client, Get(path));
    CHECK(ParseMessage(client->TakeReceived()).status() == 404);
  }
}

TEST_CASE("private functions ask for credentials") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.AnswerAll(replica);
  auto spec = h.Function({std::string(kReplica)});
  spec.policy.is_private = true;
  h.Install({spec});
  const Message refused = h.Call(Get());
  CHECK(refused.status() == 401);
  CHECK(refused.Header("www-authenticate") == "Basic realm=\"Restricted\"");
  CHECK(replica.size() == 0);
  CHECK(h.Call(Get("/function/f", "Authorization: Bearer good\r\n")).status() == 200);
}

}  // namespace
}  // namespace hearth::proxy
