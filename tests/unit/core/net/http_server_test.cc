#include "core/net/http_server.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"

namespace hearth::net {
namespace {

using fakes::FakeClock;
using fakes::MemoryLoop;
using fakes::TestPeer;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kAddress = "127.0.0.1:8080";

// A server whose handler a test sets; requests it has seen are kept.
struct World {
  explicit World(HttpServerOptions options = {}, HttpServer::BodyPolicy policy = {}) {
    options.component = "test";
    server = std::make_unique<HttpServer>(
        loop, options,
        [this](std::shared_ptr<ServerExchange> exchange) {
          seen.push_back(exchange->request().method + " " + exchange->request().target + " " +
                         exchange->request().body);
          handler(std::move(exchange));
        },
        std::move(policy));
    REQUIRE(server->Listen(*Address::Parse(kAddress)).ok());
  }
  std::unique_ptr<TestPeer> Client() { return std::make_unique<TestPeer>(loop, kAddress); }
  std::string Exchange(const std::string& bytes) {
    auto client = Client();
    client->Send(bytes);
    loop.RunUntilIdle();
    return client->received();
  }

  FakeClock clock;
  MemoryLoop loop{clock};
  std::vector<std::string> seen;
  HttpServer::Handler handler = [](auto exchange) { exchange->Respond(200, {}, "ok"); };
  std::unique_ptr<HttpServer> server;
};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string BodyOf(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

TEST_CASE("requests are answered one after another on one connection") {
  World world;
  auto client = world.Client();
  client->Send("GET /1?x=a%20b&x=2&y HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  CHECK(client->TakeReceived() ==
        "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: 2\r\n\r\nok");
  client->Send(
      "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  world.loop.RunUntilIdle();
  CHECK(world.seen ==
        std::vector<std::string>{"GET /1?x=a%20b&x=2&y ", "POST /2 abc", "POST /3 def", "GET /4 "});
  CHECK(Has(client->received(), "Connection: close"));
  CHECK(client->eof());
  client->Close();
  world.loop.RunUntilIdle();
  CHECK(world.server->connections() == 0);
}

TEST_CASE("query parameters are decoded") {
  ServerRequest request;
  request.query = "name=a%2Fb+c&empty=&flag&bad=%zz";
  CHECK(request.Query("name") == "a/b c");
  CHECK(request.Query("empty") == "");
  CHECK(request.Query("flag") == "");
  CHECK_FALSE(request.Query("bad"));
  CHECK_FALSE(request.Query("none"));
}

TEST_CASE("answers come in the order of requests, however late") {
  World world;
  std::vector<std::shared_ptr<ServerExchange>> held;
  world.handler = [&](auto exchange) { held.push_back(std::move(exchange)); };
  auto client = world.Client();
  client->Send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  REQUIRE(held.size() == 1);
  held[0]->Respond(200, {}, "one");
  world.loop.RunUntilIdle();
  REQUIRE(held.size() == 2);
  held[1]->RespondJson(201, "{}");
  held[1]->Respond(500, {}, "a second answer counts for nothing");
  world.loop.RunUntilIdle();
  CHECK(Has(client->received(), "one"));
  CHECK(Has(client->received(), "201 Created"));
  CHECK_FALSE(Has(client->received(), "500"));
}

TEST_CASE("errors of the server's own say so") {
  HttpServerOptions options;
  options.max_body = 10;
  World world(options);
  const std::string bad = world.Exchange("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n");
  CHECK(bad.starts_with("HTTP/1.1 400 "));
  CHECK(Has(bad, "X-Hearth-Error: test;bad_header_name"));
  CHECK(Has(bad, "Connection: close"));
  CHECK(Has(BodyOf(bad), "\"reason\":\"bad_header_name\""));
  const std::string large =
      world.Exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n01234567890");
  CHECK(large.starts_with("HTTP/1.1 413 "));
  CHECK(Has(large, "test;body_too_large"));
  const std::string chunked = world.Exchange(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n");
  CHECK(chunked.starts_with("HTTP/1.1 413 "));
  const std::string malformed =
      world.Exchange("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
  CHECK(Has(malformed, "test;bad_chunk_size"));
  CHECK(world
            .Exchange("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n")
            .starts_with("HTTP/1.1 400 "));
  CHECK(world.seen.empty());
}

TEST_CASE("a handler that lets go without an answer gives a 500") {
  World world;
  world.handler = [](auto) {};
  CHECK(world.Exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 500 "));
  std::shared_ptr<ServerExchange> held;
  world.handler = [&](auto exchange) { held = std::move(exchange); };
  auto client = world.Client();
  client->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  held->Begin(200, {});
  held->Write("half");
  held.reset();
  world.loop.RunUntilIdle();
  CHECK(client->reset());  // not an orderly end
}

TEST_CASE("streamed answers are chunked and sent at once") {
  World world;
  std::shared_ptr<ServerExchange> held;
  world.handler = [&](auto exchange) { held = std::move(exchange); };
  auto client = world.Client();
  client->Send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  held->Begin(200, {{"Content-Type", "text/event-stream"}, {"Transfer-Encoding", "gzip"}});
  world.loop.RunUntilIdle();
  CHECK(Has(client->received(), "Transfer-Encoding: chunked\r\n"));
  CHECK_FALSE(Has(client->received(), "gzip"));
  client->TakeReceived();
  CHECK(held->Write("hello"));
  world.loop.RunUntilIdle();
  CHECK(client->TakeReceived() == "5\r\nhello\r\n");
  held->End();
  client->Send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  CHECK(client->received() == "0\r\n\r\n");
  CHECK(world.seen.size() == 2);
}

TEST_CASE("HTTP/1.0 gets what it understands") {
  World world;
  const std::string plain = world.Exchange("GET / HTTP/1.0\r\n\r\n");
  CHECK(Has(plain, "Connection: close"));
  const std::string kept = world.Exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(Has(kept, "Connection: keep-alive"));
  world.handler = [](auto exchange) {
    exchange->Begin(200, {});
    exchange->Write("abc");
    exchange->End();
  };
  auto client = world.Client();
  client->Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  world.loop.RunUntilIdle();
  CHECK_FALSE(Has(client->received(), "chunked"));
  CHECK(BodyOf(client->received()) == "abc");
  CHECK(client->eof());
}

TEST_CASE("HEAD and bodyless statuses have no body") {
  World world;
  const std::string head = world.Exchange("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(Has(head, "Content-Length: 2"));
  CHECK(BodyOf(head).empty());
  world.handler = [](auto exchange) { exchange->Respond(204, {}, ""); };
  const std::string none = world.Exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK_FALSE(Has(none, "Content-Length"));
}

TEST_CASE("fields that would split a response are dropped") {
  World world;
  world.handler = [](auto exchange) {
    exchange->Respond(200, {{"X-Good", "1"}, {"X-Bad", "a\r\nSet-Cookie: b"}, {"No Name", "x"}},
                      "");
  };
  const std::string response = world.Exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(Has(response, "X-Good: 1"));
  CHECK_FALSE(Has(response, "Cookie"));
  CHECK_FALSE(Has(response, "No Name"));
}

TEST_CASE("a streamed body reaches the handler as it comes, held back while paused") {
  HttpServerOptions options;
  World world(options, [](const ServerRequest&) { return BodyMode::kStreamed; });
  std::shared_ptr<ServerExchange> held;
  world.handler = [&](auto exchange) { held = std::move(exchange); };
  auto client = world.Client();
  client->Send(
      "PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n"
      "Expect: 100-continue\r\n\r\n");
  world.loop.RunUntilIdle();
  REQUIRE(held != nullptr);
  CHECK(client->received().empty());  // not before somebody wants the body
  std::string body;
  std::optional<bool> complete;
  held->ReadBody([&](std::string_view piece) { body.append(piece); },
                 [&](bool whole) { complete = whole; });
  world.loop.RunUntilIdle();
  CHECK(client->TakeReceived() == "HTTP/1.1 100 Continue\r\n\r\n");
  client->Send(std::string(1000, 'a'));
  world.loop.RunUntilIdle();
  CHECK(body.size() == 1000);
  held->PauseBody();
  client->Send(std::string(999'000, 'b'));
  world.loop.RunUntilIdle();
  CHECK(body.size() == 1000);
  CHECK(client->unsent() > 500'000);
  world.loop.Advance(seconds(100));  // nobody's fault: no timeout while paused
  held->ResumeBody();
  world.loop.RunUntilIdle();
  CHECK(body.size() == 1'000'000);
  CHECK(complete == true);
  held->Respond(201, {}, "");
  world.loop.RunUntilIdle();
  CHECK(client->received().starts_with("HTTP/1.1 201 Created"));
  CHECK_FALSE(client->eof());
}

TEST_CASE("an answer before the body's end reaches a client that is still sending") {
  World world({}, [](const ServerRequest&) { return BodyMode::kStreamed; });
  world.handler = [](auto exchange) { exchange->RespondError(401, "unauthenticated", "no"); };
  auto client = world.Client();
  client->Send("PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" +
               std::string(300'000, 'x'));
  world.loop.RunUntilIdle();
  CHECK(client->received().starts_with("HTTP/1.1 401 "));
  CHECK(Has(client->received(), "Connection: close"));
  CHECK(client->eof());
  CHECK_FALSE(client->reset());
  world.loop.Advance(seconds(3));
  CHECK(world.server->connections() == 0);
}

TEST_CASE("a streamed body that breaks off is reported as such") {
  World world({}, [](const ServerRequest&) { return BodyMode::kStreamed; });
  std::optional<bool> complete;
  bool closed = false;
  world.handler = [&](std::shared_ptr<ServerExchange> exchange) {
    exchange->ReadBody([](std::string_view) {}, [&](bool whole) { complete = whole; });
    exchange->OnClosed([&, exchange] { closed = exchange->closed(); });  // a circle on purpose
  };
  auto client = world.Client();
  client->Send("PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  world.loop.RunUntilIdle();
  client->Close();
  world.loop.RunUntilIdle();
  CHECK(complete == false);
  CHECK(closed);
  CHECK(world.server->connections() == 0);
}

TEST_CASE("slow clients are cut off") {
  World world;
  SECTION("inside a head") {
    auto client = world.Client();
    client->Send("GET / HT");
    world.loop.Advance(seconds(6));
    client->Send("TP/1.1\r\nHo");  // trickling does not help
    world.loop.Advance(seconds(5));
    CHECK(client->received().starts_with("HTTP/1.1 408 "));
    CHECK(Has(client->received(), "test;slow_request"));
  }
  SECTION("inside a body") {
    auto client = world.Client();
    client->Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    world.loop.Advance(seconds(29));
    client->Send("b");
    world.loop.Advance(seconds(29));
    CHECK(client->received().empty());
    world.loop.Advance(seconds(2));
    CHECK(client->received().starts_with("HTTP/1.1 408 "));
  }
  SECTION("between requests, without a word") {
    auto client = world.Client();
    world.loop.Advance(seconds(76));
    CHECK(client->eof());
    CHECK(client->received().empty());
  }
  world.loop.Advance(seconds(5));
  CHECK(world.server->connections() == 0);
}

TEST_CASE("a client that does not read its stream is bounded, then dropped") {
  World world;
  std::shared_ptr<ServerExchange> held;
  world.handler = [&](auto exchange) { held = std::move(exchange); };
  auto client = world.Client();
  client->Pause();
  client->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  held->Begin(200, {});
  const std::string piece(64 * 1024, 'x');
  int written = 0;
  while (held->Write(piece)) ++written;
  CHECK(written < 10);
  bool drained = false;
  bool closed = false;
  held->OnDrained([&] { drained = true; });
  held->OnClosed([&] { closed = true; });
  SECTION("it goes on when the client reads") {
    client->Resume();
    world.loop.RunUntilIdle();
    CHECK(drained);
    CHECK_FALSE(closed);
    CHECK(held->Write("more"));
  }
  SECTION("it is dropped after the write timeout") {
    world.loop.Advance(seconds(61));
    CHECK(closed);
    CHECK_FALSE(held->Write("more"));
  }
  SECTION("a handler that ignores it is cut off") {
    for (int i = 0; i < 100; ++i) held->Write(piece);
    world.loop.RunUntilIdle();
    CHECK(closed);
    client->Resume();
    world.loop.RunUntilIdle();
    CHECK(client->reset());
  }
}

TEST_CASE("a stream whose client is gone is closed") {
  World world;
  std::shared_ptr<ServerExchange> held;
  bool closed = false;
  world.handler = [&](auto exchange) {
    held = exchange;
    exchange->OnClosed([&] { closed = true; });
    exchange->Begin(200, {});
  };
  auto client = world.Client();
  client->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  client->Close();
  world.loop.RunUntilIdle();
  CHECK(closed);
  CHECK_FALSE(held->Write("x"));
  CHECK(world.server->connections() == 0);
}

TEST_CASE("a half-closed client still gets its answer") {
  World world;
  std::shared_ptr<ServerExchange> held;
  world.handler = [&](auto exchange) { held = std::move(exchange); };
  auto client = world.Client();
  client->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client->FinishSending();
  world.loop.RunUntilIdle();
  REQUIRE(held != nullptr);
  held->Respond(200, {}, "here");
  world.loop.RunUntilIdle();
  CHECK(BodyOf(client->received()) == "here");
  CHECK(client->eof());
  CHECK(world.server->connections() == 0);
}

TEST_CASE("more connections than allowed wait") {
  HttpServerOptions options;
  options.max_connections = 2;
  World world(options);
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(world.Client());
    clients.back()->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    world.loop.RunUntilIdle();
  }
  CHECK(world.seen.size() == 2);
  clients[0]->Close();
  world.loop.RunUntilIdle();
  CHECK(world.seen.size() == 3);
}

TEST_CASE("draining finishes what is inside and takes nothing new") {
  World world;
  std::shared_ptr<ServerExchange> held;
  world.handler = [&](auto exchange) { held = std::move(exchange); };
  auto idle = world.Client();
  auto busy = world.Client();
  busy->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  bool done = false;
  world.server->Drain([&] { done = true; });
  world.loop.RunUntilIdle();
  CHECK(idle->eof());
  CHECK_FALSE(done);
  const auto late = world.Client();
  world.loop.RunUntilIdle();
  CHECK(late->refused());
  held->Respond(200, {}, "x");
  world.loop.RunUntilIdle();
  CHECK(Has(busy->received(), "Connection: close"));
  busy->Close();
  world.loop.RunUntilIdle();
  CHECK(done);
}

TEST_CASE("a handler may destroy the server") {
  World world;
  world.handler = [&](auto exchange) {
    exchange->Begin(200, {});
    world.server.reset();
    CHECK(exchange->closed());
  };
  auto client = world.Client();
  client->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  world.loop.RunUntilIdle();
  CHECK((client->eof() || client->reset()));
}

TEST_CASE("pipelined requests of a client that does not read are not answered without end") {
  HttpServerOptions options;
  options.write_watermark = 10'000;
  World world(options);
  world.loop.set_pipe_capacity(1000);
  world.handler = [](auto exchange) { exchange->Respond(200, {}, std::string(5000, 'x')); };
  auto client = world.Client();
  client->Pause();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  client->Send(many);
  world.loop.RunUntilIdle();
  CHECK(world.seen.size() < 10);
  client->Resume();
  world.loop.RunUntilIdle();
  CHECK(world.seen.size() == 1000);
}

}  // namespace
}  // namespace hearth::net
