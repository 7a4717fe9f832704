#include "core/net/http_client.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/net/http_server.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"

namespace hearth::net {
namespace {

using fakes::FakeClock;
using fakes::MemoryLoop;
using fakes::TestPeer;
using fakes::TestServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kAddress = "127.0.0.1:9000";

struct Recorder : ClientHandler {
  void OnHead(const ClientResponse& h) override { head = h; }
  void OnData(std::string_view piece) override { body.append(piece); }
  void OnEnd(const Headers& t) override {
    trailers = t;
    ended = true;
    if (exchange_to_destroy != nullptr) exchange_to_destroy->reset();
  }
  void OnError(const absl::Status& e) override {
    error = e;
    if (exchange_to_destroy != nullptr) exchange_to_destroy->reset();
  }
  void OnWritable() override { ++writable; }

  std::optional<ClientResponse> head;
  std::string body;
  Headers trailers;
  absl::Status error;
  bool ended = false;
  int writable = 0;
  std::unique_ptr<ClientExchange>* exchange_to_destroy = nullptr;
};

struct World {
  World() { exchange_holder = &exchange; }
  void Start(ClientRequest request) {
    request.address = *Address::Parse(kAddress);
    recorder.exchange_to_destroy = exchange_holder;
    exchange = ClientExchange::Start(loop, std::move(request), &recorder);
    loop.RunUntilIdle();
  }
  TestPeer& peer() { return server.last(); }
  void Answer(std::string_view bytes) {
    peer().Send(bytes);
    loop.RunUntilIdle();
  }

  FakeClock clock;
  MemoryLoop loop{clock};
  TestServer server{loop, kAddress};
  Recorder recorder;
  std::unique_ptr<ClientExchange> exchange;
  std::unique_ptr<ClientExchange>* exchange_holder;
};

TEST_CASE("a request goes out whole and its answer comes back") {
  World world;
  ClientRequest request;
  request.method = "POST";
  request.target = "/announce?x=1";
  request.headers = {{"X-Token", "t"}, {"Connection", "keep-alive"}, {"X-Bad", "a\nb"}};
  request.body = "hello";
  world.Start(request);
  CHECK(world.peer().received() ==
        "POST /announce?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nX-Token: t\r\n"
        "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
  world.Answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-A: b\r\n");
  world.Answer("Content-Length: 4\r\n\r\nbo");
  CHECK(world.recorder.head->status == 201);
  CHECK(world.recorder.head->headers.Get("x-a") == "b");
  CHECK_FALSE(world.recorder.ended);
  world.Answer("dy");
  CHECK(world.recorder.ended);
  CHECK(world.recorder.body == "body");
  CHECK(world.exchange == nullptr);
}

TEST_CASE("chunked answers with trailers, and those that end with the connection") {
  World world;
  world.Start({});
  SECTION("chunked") {
    world.Answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n");
    CHECK(world.recorder.body == "abc");
    CHECK(world.recorder.trailers.Get("X-T") == "1");
    CHECK(world.recorder.ended);
  }
  SECTION("until the end") {
    world.Answer("HTTP/1.1 200 OK\r\n\r\nabc");
    CHECK_FALSE(world.recorder.ended);
    world.peer().Close();
    world.loop.RunUntilIdle();
    CHECK(world.recorder.ended);
    CHECK(world.recorder.body == "abc");
  }
  SECTION("none at all") {
    world.Answer("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(world.recorder.ended);
  }
}

TEST_CASE("what goes wrong is told apart") {
  World world;
  SECTION("nobody listens") {
    ClientRequest request;
    request.address = *Address::Parse("127.0.0.1:9999");
    world.exchange = ClientExchange::Start(world.loop, request, &world.recorder);
    world.loop.RunUntilIdle();
    CHECK(absl::IsUnavailable(world.recorder.error));
  }
  SECTION("a connect that hangs") {
    world.loop.Blackhole("127.0.0.1:9999");
    ClientRequest request;
    request.address = *Address::Parse("127.0.0.1:9999");
    world.exchange = ClientExchange::Start(world.loop, request, &world.recorder);
    world.loop.Advance(seconds(6));
    CHECK(absl::IsDeadlineExceeded(world.recorder.error));
  }
  SECTION("closed before an answer") {
    world.Start({});
    world.peer().Close();
    world.loop.RunUntilIdle();
    CHECK(absl::IsUnavailable(world.recorder.error));
  }
  SECTION("closed inside the answer") {
    world.Start({});
    world.Answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo");
    world.peer().Close();
    world.loop.RunUntilIdle();
    CHECK(absl::IsDataLoss(world.recorder.error));
    CHECK_FALSE(world.recorder.ended);
  }
  SECTION("not HTTP") {
    world.Start({});
    world.Answer("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    CHECK(absl::IsInternal(world.recorder.error));
  }
  SECTION("malformed chunks") {
    world.Start({});
    world.Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n");
    CHECK(absl::IsInternal(world.recorder.error));
  }
  SECTION("no answer in time") {
    ClientRequest request;
    request.head_timeout = seconds(3);
    world.Start(request);
    world.loop.Advance(milliseconds(2900));
    CHECK(world.recorder.error.ok());
    world.loop.Advance(milliseconds(200));
    CHECK(absl::IsDeadlineExceeded(world.recorder.error));
  }
  SECTION("silence inside the answer") {
    ClientRequest request;
    request.idle_timeout = seconds(3);
    world.Start(request);
    world.Answer("HTTP/1.1 200 OK\r\n\r\na");
    world.loop.Advance(seconds(2));
    world.Answer("b");
    world.loop.Advance(seconds(2));
    CHECK(world.recorder.error.ok());
    world.loop.Advance(seconds(2));
    CHECK(absl::IsDeadlineExceeded(world.recorder.error));
  }
  SECTION("too long in all") {
    ClientRequest request;
    request.total_timeout = seconds(5);
    world.Start(request);
    world.Answer("HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 6; ++i) {
      if (world.recorder.error.ok()) world.Answer("x");
      world.loop.Advance(seconds(1));
    }
    CHECK(absl::IsDeadlineExceeded(world.recorder.error));
  }
  if (world.exchange == nullptr) CHECK(world.peer().received().starts_with("GET / HTTP/1.1"));
}

TEST_CASE("a streamed request body is chunked and held back by the peer") {
  World world;
  ClientRequest request;
  request.method = "PUT";
  request.streamed_body = true;
  request.address = *Address::Parse(kAddress);
  world.exchange = ClientExchange::Start(world.loop, request, &world.recorder);
  CHECK(world.exchange->Write("before the connection stands"));
  world.loop.RunUntilIdle();
  CHECK(world.peer().received().find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(world.peer().received().ends_with("1c\r\nbefore the connection stands\r\n"));
  world.peer().Pause();
  const std::string piece(100'000, 'x');
  int taken = 0;
  while (world.exchange->Write(piece)) {
    ++taken;
    world.loop.RunUntilIdle();
  }
  CHECK(taken < 10);
  CHECK(world.recorder.writable == 0);
  world.peer().Resume();
  world.loop.RunUntilIdle();
  CHECK(world.recorder.writable == 1);
  world.exchange->EndBody();
  world.loop.RunUntilIdle();
  CHECK(world.peer().received().ends_with("0\r\n\r\n"));
  world.Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(world.recorder.ended);
}

TEST_CASE("an early refusal is heard although the body was not taken") {
  World world;
  ClientRequest request;
  request.method = "PUT";
  request.body = std::string(1'000'000, 'x');
  world.server.on_change = [](TestPeer& peer) { peer.Pause(); };
  world.Start(request);
  world.peer().Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
  world.peer().Close();
  world.loop.RunUntilIdle();
  REQUIRE(world.recorder.ended);
  CHECK(world.recorder.head->status == 413);
}

TEST_CASE("a paused response waits in the peer") {
  World world;
  world.Start({});
  world.Answer("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  world.exchange->Pause();
  world.Answer(std::string(1'000'000, 'x'));
  CHECK(world.peer().unsent() > 900'000);
  CHECK(world.recorder.body.empty());
  world.loop.Advance(seconds(1000));  // nobody's fault
  CHECK(world.recorder.error.ok());
  world.exchange->Resume();
  world.loop.RunUntilIdle();
  CHECK(world.recorder.body.size() == 1'000'000);
  CHECK(world.recorder.ended);
}

// A real server on a thread of its own, for the blocking client.
class ServerThread {
 public:
  ServerThread() : loop_(NewEpollLoop(clock_)) {
    HttpServerOptions options;
    server_ =
        std::make_unique<HttpServer>(*loop_, options, [](std::shared_ptr<ServerExchange> exchange) {
          if (exchange->request().path == "/echo") {
            exchange->Respond(200, {{"X-Method", exchange->request().method}},
                              exchange->request().body);
            return;
          }
          exchange->Begin(200, {});
          for (int i = 0; i < 3; ++i) exchange->Write("line\n");
          exchange->End();
        });
    REQUIRE(server_->Listen(*Address::Parse("127.0.0.1:0")).ok());
    address = server_->address();
    thread_ = std::thread([this] { loop_->Run(); });
  }
  ~ServerThread() {
    loop_->Post([this] { server_.reset(); });
    loop_->Post([this] { loop_->Stop(); });
    thread_.join();
  }
  Address address;

 private:
  RealClock clock_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

TEST_CASE("the blocking client") {
  const ServerThread server;
  ClientRequest request;
  request.address = server.address;
  SECTION("a body from memory and back") {
    request.method = "POST";
    request.target = "/echo";
    request.body = std::string(300'000, 'q');
    const auto response = Fetch(request);
    REQUIRE(response.ok());
    CHECK(response->status == 200);
    CHECK(response->headers.Get("x-method") == "POST");
    CHECK(response->body == request.body);
  }
  SECTION("a body from a source") {
    request.method = "PUT";
    request.target = "/echo";
    size_t left = 700'000;
    FetchOptions options;
    options.body_source = [&](std::span<char> room) -> absl::StatusOr<size_t> {
      const size_t n = std::min(left, room.size());
      std::memset(room.data(), 'z', n);
      left -= n;
      return n;
    };
    const auto response = Fetch(request, options);
    REQUIRE(response.ok());
    CHECK(response->body == std::string(700'000, 'z'));
  }
  SECTION("a source that fails") {
    request.method = "PUT";
    FetchOptions options;
    options.body_source = [](std::span<char>) -> absl::StatusOr<size_t> {
      return NotFound("the file is gone");
    };
    CHECK(absl::IsNotFound(Fetch(request, options).status()));
  }
  SECTION("pieces to a callback, which may stop") {
    FetchOptions options;
    std::string got;
    options.on_data = [&](std::string_view piece) {
      got.append(piece);
      return got.size() < 5;
    };
    int status = 0;
    options.on_head = [&](const ClientResponse& head) { status = head.status; };
    const auto response = Fetch(request, options);
    REQUIRE(response.ok());
    CHECK(status == 200);
    CHECK(got.size() >= 5);
    CHECK(response->body.empty());
  }
  SECTION("more than wanted") {
    FetchOptions options;
    options.max_body = 7;
    CHECK(absl::IsResourceExhausted(Fetch(request, options).status()));
  }
}

TEST_CASE("the blocking client where nobody listens") {
  Address address;
  {
    const ServerThread gone;
    address = gone.address;
  }
  ClientRequest request;
  request.address = address;
  const auto response = Fetch(request);
  REQUIRE_FALSE(response.ok());
  CHECK(absl::IsUnavailable(response.status()));
}

TEST_CASE("URLs") {
  struct Case {
    std::string text, scheme, host;
    uint16_t port;
    std::string target, host_field;
  };
  for (const Case& c :
       {Case{"http://127.0.0.1:8080", "http", "127.0.0.1", 8080, "/", "127.0.0.1:8080"},
        Case{"HTTP://Example.org/a?b#c", "http", "Example.org", 80, "/a?b", "Example.org"},
        Case{"https://h?x", "https", "h", 443, "/?x", "h"},
        Case{"http://[::1]:81/", "http", "::1", 81, "/", "[::1]:81"},
        Case{"unix:/run/x.sock", "unix", "/run/x.sock", 0, "/", "localhost"}}) {
    DYNAMIC_SECTION(c.text) {
      const auto url = ParseUrl(c.text);
      REQUIRE(url.ok());
      CHECK(url->scheme == c.scheme);
      CHECK(url->host == c.host);
      CHECK(url->port == c.port);
      CHECK(url->target == c.target);
      CHECK(url->HostField() == c.host_field);
    }
  }
  for (const std::string bad :
       {"", "h:80", "ftp://h/", "http://", "http://:80/", "http://h:0/", "http://h:99999/",
        "http://u:p@h/", "http://h/a b", "http://[::1/", "unix:"}) {
    DYNAMIC_SECTION(bad) { CHECK_FALSE(ParseUrl(bad).ok()); }
  }
}

}  // namespace
}  // namespace hearth::net
