// One gateway follows another on the same sockets, under load: nobody is refused, nothing is lost.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/net/http_client.h"
#include "gateway/app/app.h"
#include "tests/fakes/fleet/fake_controller.h"
#include "tests/integration/gateway/local_server.h"

namespace hearth::gateway {
namespace {

using namespace std::chrono_literals;
using fakes::FakeController;
using fakes::MakeRoute;

// A folder for the socket, and the gateways that follow each other at it.
class Succession {
 public:
  explicit Succession(std::vector<std::string> controllers) {
    char name[] = "/tmp/hearth-gwh-XXXXXX";
    folder_ = ::mkdtemp(name);
    options.listen = "127.0.0.1:0";
    options.admin_listen = "127.0.0.1:0";
    options.functions_socket = folder_ + "/functions.sock";
    options.handover_socket = folder_ + "/handover.sock";
    options.controllers = std::move(controllers);
    options.drain_timeout = 2s;
  }
  ~Succession() {
    gateways_.clear();
    std::filesystem::remove_all(folder_);
  }

  // The next gateway; the one before leaves as its program would make it leave.
  absl::Status Start(uint32_t threads) {
    options.threads = threads;
    auto app = std::make_unique<App>(options, clock_, log::Logger::Null());
    App* raw = app.get();
    std::promise<void>& left = left_.emplace_back();
    app->OnHandedOver([raw, &left] {
      raw->Leave();
      left.set_value();
    });
    const absl::Status status = app->Start();
    if (status.ok()) gateways_.push_back(std::move(app));
    return status;
  }
  App& operator[](size_t i) { return *gateways_.at(i); }
  App& newest() { return *gateways_.back(); }

  bool Until(const std::function<bool()>& holds) const {
    const MonotonicTime deadline = clock_.Now() + 10s;
    while (clock_.Now() < deadline) {
      if (holds()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  Options options;

 private:
  RealClock clock_;
  std::string folder_;
  std::deque<std::promise<void>> left_;
  std::vector<std::unique_ptr<App>> gateways_;
};

// A client that keeps its connection, blocking. An error is an empty answer.
class Connection {
 public:
  explicit Connection(const net::Address& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  bool connected() const { return connected_; }
  bool will_close() const { return will_close_; }
  void Ask(const std::string& path) {
    const std::string text =
        Cat("POST ", path, " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    [[maybe_unused]] const ssize_t n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  std::string Answer() {
    std::string text;
    for (;;) {
      const size_t end = text.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::string head = text.substr(0, end + 2);
        const size_t at = head.find("Content-Length: ");
        const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
        will_close_ = head.find("Connection: close") != std::string::npos;
        if (text.size() >= end + 4 + length) return text.substr(0, 12) + text.substr(end + 4);
      }
      char bytes[4096];
      const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
      if (n <= 0) return "";
      text.append(bytes, static_cast<size_t>(n));
    }
  }

 private:
  UniqueFd fd_;
  bool connected_ = false;
  bool will_close_ = false;
};

net::HttpServer::Handler Answering(const std::string& text) {
  return [text](const std::shared_ptr<net::ServerExchange>& exchange) {
    exchange->Respond(200, {}, text);
  };
}

constexpr const char* kOk = "HTTP/1.1 200ok";

TEST_CASE("a successor serves on the same sockets while the predecessor finishes") {
  std::promise<std::shared_ptr<net::ServerExchange>> arrived;
  LocalServer slow([&](const auto& exchange) { arrived.set_value(exchange); });
  LocalServer quick(Answering("ok"));
  FakeController controller("127.0.0.1:0");
  controller.Upsert(MakeRoute("slow", slow.address(), 1));
  controller.Upsert(MakeRoute("cold", "", 1));
  const uint64_t sequence = controller.Upsert(MakeRoute("quick", quick.address(), 0));
  Succession gateways({controller.address()});
  REQUIRE(gateways.Start(2).ok());
  CHECK_FALSE(gateways[0].took_over());
  REQUIRE(controller.WaitForAck(sequence));
  const net::Address address = gateways[0].address();

  Connection busy(address), used(address), unused(address), waiting(address);
  used.Ask("/function/quick");
  CHECK(used.Answer() == kOk);
  CHECK_FALSE(used.will_close());
  busy.Ask("/function/slow");
  auto exchange = arrived.get_future().get();
  waiting.Ask("/function/cold");
  REQUIRE(controller.WaitForDemand("cold", [](const auto& d) { return d.queued() == 1; }));

  REQUIRE(gateways.Start(3).ok());
  CHECK(gateways[1].took_over());
  CHECK(gateways[1].address() == address);
  CHECK(gateways[1].admin_address() == gateways[0].admin_address());
  Connection fresh(address);
  fresh.Ask("/function/quick");
  CHECK(fresh.Answer() == kOk);
  CHECK_FALSE(fresh.will_close());  // it is the successor's

  // Both idle ones have a request under way at the wrong moment.
  for (Connection* connection : {&used, &unused}) {
    connection->Ask("/function/quick");
    CHECK(connection->Answer() == kOk);
    CHECK(connection->will_close());
  }
  CHECK_FALSE(gateways[0].drained());
  slow.Post([exchange = std::move(exchange)] { exchange->Respond(200, {}, "ok"); });
  CHECK(busy.Answer() == kOk);
  // What waits in the predecessor's queue gets the replica that its demand has called for.
  controller.Upsert(MakeRoute("cold", quick.address(), 1));
  CHECK(waiting.Answer() == kOk);
  CHECK(gateways.Until([&] { return gateways[0].drained(); }));
}

TEST_CASE("gateways with other numbers of loops follow each other under load") {
  LocalServer replica(Answering("ok"));
  FakeController controller("127.0.0.1:0");
  const uint64_t sequence = controller.Upsert(MakeRoute("f", replica.address(), 0));
  Succession gateways({controller.address()});
  REQUIRE(gateways.Start(3).ok());
  REQUIRE(controller.WaitForAck(sequence));
  const net::Address address = gateways[0].address();

  std::atomic<bool> stop{false};
  std::atomic<int> asked{0}, failed{0};
  const auto check = [&](bool good) {
    ++asked;
    if (!good) ++failed;
  };
  std::vector<std::thread> clients;
  clients.emplace_back([&] {  // a connection for each request
    while (!stop) {
      Connection connection(address);
      connection.Ask("/function/f");
      check(connection.connected() && connection.Answer() == kOk);
    }
  });
  clients.emplace_back([&] {  // one for many
    auto connection = std::make_unique<Connection>(address);
    while (!stop) {
      connection->Ask("/function/f");
      check(connection->Answer() == kOk);
      if (connection->will_close()) connection = std::make_unique<Connection>(address);
    }
  });
  for (const uint32_t threads : {1u, 4u, 2u, 2u, 3u}) {
    const int before = asked;
    const absl::Status status = gateways.Start(threads);
    INFO(Message(status));
    REQUIRE(status.ok());
    CHECK(gateways.newest().address() == address);
    REQUIRE(gateways.Until([&] { return asked > before + 200; }));
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  for (size_t i = 0; i < 5; ++i) {
    INFO(i);
    CHECK(gateways.Until([&] { return gateways[i].drained(); }));
  }
}

TEST_CASE("a successor that cannot start leaves the gateway as it is") {
  LocalServer replica(Answering("ok"));
  FakeController controller("127.0.0.1:0");
  const uint64_t sequence = controller.Upsert(MakeRoute("f", replica.address(), 0));
  Succession gateways({controller.address()});
  REQUIRE(gateways.Start(2).ok());
  REQUIRE(controller.WaitForAck(sequence));
  const auto serves = [&] {
    Connection connection(gateways[0].address());
    connection.Ask("/function/f");
    return connection.Answer() == kOk;
  };
  SECTION("for want of routes") {
    gateways.options.controllers.clear();
    const absl::Status status = gateways.Start(2);
    CHECK_THAT(std::string(Message(status)),
               Catch::Contains("--controller") && Catch::Contains("--route-cache"));
  }
  SECTION("for a wrong setting") {
    gateways.options.auth_file = "/nonexistent";
    CHECK_FALSE(gateways.Start(2).ok());
  }
  for (int i = 0; i < 20; ++i) CHECK(serves());
  gateways.options.auth_file.clear();
  gateways.options.controllers = {controller.address()};
  CHECK(gateways.Start(1).ok());  // it can be followed all the same
  CHECK(serves());
}

}  // namespace
}  // namespace hearth::gateway
