// Large bodies on real sockets, where the kernel moves them: every byte arrives, whoever is slow.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "gateway/proxy/data_path.h"
#include "gateway/route/route_store.h"

namespace hearth::proxy {
namespace {

constexpr size_t kSize = 24'000'000;
constexpr size_t kPiece = 100'003;  // a multiple of nothing

char ByteAt(size_t i) { return static_cast<char>((i * 31 + i / 4096) & 0xff); }

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool SendPattern(int fd, bool slowly) {
  std::string piece;
  for (size_t at = 0; at < kSize; at += piece.size()) {
    piece.resize(std::min(kPiece, kSize - at));
    for (size_t i = 0; i < piece.size(); ++i) piece[i] = ByteAt(at + i);
    if (!SendAll(fd, piece)) return false;
    if (slowly && at / kPiece % 16 == 0) ::poll(nullptr, 0, 2);
  }
  return true;
}

// Reads a head, then the pattern. The number of right bytes.
size_t ReceivePattern(int fd, bool slowly) {
  std::string head;
  std::string buffer(kPiece, 0);
  size_t right = 0;
  bool in_body = false;
  for (int round = 0; right < kSize; ++round) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return right;
    std::string_view got(buffer.data(), static_cast<size_t>(n));
    if (!in_body) {
      head.append(got);
      const size_t end = head.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      in_body = true;
      got = std::string_view(head).substr(end + 4);
    }
    for (const char c : got) {
      if (c != ByteAt(right)) return right;
      ++right;
    }
    if (slowly && round % 16 == 0) ::poll(nullptr, 0, 2);
  }
  return right;
}

class NoLocal final : public LocalHandler {
 public:
  std::variant<LocalResponse, ForwardTarget> Handle(const http::RequestHead&,
                                                    const RequestContext&) override {
    return LocalResponse{404, {}, ""};
  }
};

struct World {
  World() : loop(net::NewEpollLoop(clock)), store(clock, {}) {
    listener.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in any = Loopback(0);
    socklen_t size = sizeof any;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
    REQUIRE(::listen(listener.get(), 16) == 0);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size);
    path = std::make_unique<DataPath>(std::vector<net::Loop*>{loop.get()}, Options{},
                                      Dependencies{.local = &local});
    auto bound = path->Listen(*net::Address::Parse("127.0.0.1:0"), ListenerKind::kPublic);
    REQUIRE(bound.ok());
    route::FunctionSpec spec;
    spec.key = {"default", "f"};
    spec.revisions.push_back({"r", 1, {{"r-1", Cat("127.0.0.1:", ntohs(any.sin_port)), "", 0}}});
    path->Install(store.Apply({spec}, {}));
    thread = std::thread([this] { loop->Run(); });
    client.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = Loopback(bound->port);
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~World() {
    loop->Stop();
    thread.join();
    path.reset();
  }
  // Blocks until the gateway connects.
  UniqueFd Accept() const { return UniqueFd(::accept(listener.get(), nullptr, nullptr)); }

  RealClock clock;
  NoLocal local;
  std::unique_ptr<net::Loop> loop;
  route::RouteStore store;
  std::unique_ptr<DataPath> path;
  UniqueFd listener;
  UniqueFd client;
  std::thread thread;
};

TEST_CASE("a large answer arrives whole") {
  for (const bool slow_client : {false, true}) {
    DYNAMIC_SECTION((slow_client ? "slow client" : "slow replica")) {
      World w;
      REQUIRE(SendAll(w.client.get(), "GET /function/f HTTP/1.1\r\nHost: a\r\n\r\n"));
      std::atomic<bool> sent{false};
      std::thread replica([&] {
        const UniqueFd fd = w.Accept();
        char head[4096];
        if (::recv(fd.get(), head, sizeof head, 0) <= 0) return;
        sent = SendAll(fd.get(), Cat("HTTP/1.1 200 OK\r\nContent-Length: ", kSize, "\r\n\r\n")) &&
               SendPattern(fd.get(), !slow_client);
        ::poll(nullptr, 0, 50);
      });
      CHECK(ReceivePattern(w.client.get(), slow_client) == kSize);
      replica.join();
      CHECK(sent);
    }
  }
}

TEST_CASE("a large request arrives whole, and its connection goes on") {
  for (const bool slow_client : {false, true}) {
    DYNAMIC_SECTION((slow_client ? "slow client" : "slow replica")) {
      World w;
      std::atomic<size_t> received{0};
      std::atomic<int> answered{0};
      std::thread replica([&] {
        const UniqueFd fd = w.Accept();
        received = ReceivePattern(fd.get(), !slow_client);
        constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if (SendAll(fd.get(), kOk)) ++answered;
        char head[4096];
        if (::recv(fd.get(), head, sizeof head, 0) > 0 && SendAll(fd.get(), kOk)) ++answered;
      });
      REQUIRE(SendAll(
          w.client.get(),
          Cat("POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: ", kSize, "\r\n\r\n")));
      CHECK(SendPattern(w.client.get(), slow_client));
      const auto answer = [&] {
        std::string got;
        char buffer[1024];
        while (got.find("\r\n\r\nok") == std::string::npos) {
          const ssize_t n = ::recv(w.client.get(), buffer, sizeof buffer, 0);
          if (n <= 0) break;
          got.append(buffer, static_cast<size_t>(n));
        }
        return got.substr(0, 15);
      };
      CHECK(answer() == "HTTP/1.1 200 OK");
      REQUIRE(SendAll(w.client.get(), "GET /function/f HTTP/1.1\r\nHost: a\r\n\r\n"));
      CHECK(answer() == "HTTP/1.1 200 OK");
      replica.join();
      CHECK(received == kSize);
      CHECK(answered == 2);
    }
  }
}

TEST_CASE("a large answer that breaks off cannot look complete") {
  World w;
  REQUIRE(SendAll(w.client.get(), "GET /function/f HTTP/1.1\r\nHost: a\r\n\r\n"));
  {
    const UniqueFd fd = w.Accept();
    char head[4096];
    REQUIRE(::recv(fd.get(), head, sizeof head, 0) > 0);
    REQUIRE(SendAll(fd.get(), Cat("HTTP/1.1 200 OK\r\nContent-Length: ", kSize, "\r\n\r\n")));
    REQUIRE(SendAll(fd.get(), std::string(1'000'000, 'x')));
  }
  std::string buffer(kPiece, 0);
  size_t got = 0;
  ssize_t n = 0;
  while ((n = ::recv(w.client.get(), buffer.data(), buffer.size(), 0)) > 0) {
    got += static_cast<size_t>(n);
  }
  CHECK(n < 0);  // a reset, not an orderly end
  CHECK(got < kSize);
}

}  // namespace
}  // namespace hearth::proxy
