// A warm request takes no memory from the heap: neither on its way in nor on its way out, with
// metrics, access log, limits, timers and authentication on. This program counts every allocation
// that the loop's thread makes.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <new>
#include <string>
#include <thread>

#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "gateway/accesslog/writer.h"
#include "gateway/app/exchange_log.h"
#include "gateway/auth/function_authenticator.h"
#include "gateway/metrics/recorder.h"
#include "gateway/proxy/data_path.h"
#include "gateway/route/route_store.h"

namespace {

thread_local bool counted = false;  // this thread's allocations count
std::atomic<uint64_t> allocations{0};

void* Allocate(std::size_t size) {
  if (counted) allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

void* Allocate(std::size_t size, std::align_val_t alignment) {
  if (counted) allocations.fetch_add(1, std::memory_order_relaxed);
  const auto step = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(step, (size + step - 1) / step * step);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new(std::size_t size, std::align_val_t a) { return Allocate(size, a); }
void* operator new[](std::size_t size, std::align_val_t a) { return Allocate(size, a); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace hearth::gateway {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

bool SendAll(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

// What was received up to `end`; empty where the connection ended before.
std::string ReceiveUntil(int fd, std::string_view end) {
  std::string got;
  char buffer[4096];
  while (got.find(end) == std::string::npos) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return {};
    got.append(buffer, static_cast<size_t>(n));
  }
  return got;
}

// A replica that answers each request on its one connection.
class Replica {
 public:
  Replica() {
    listener_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_.get(), 16) == 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      const UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
      while (fd.valid() && !ReceiveUntil(fd.get(), "\r\n\r\n").empty()) {
        if (!SendAll(fd.get(),
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a1\"\r\n"
                     "Content-Length: 2\r\n\r\nok")) {
          return;
        }
      }
    });
  }
  ~Replica() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  UniqueFd listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

class NoLocal final : public proxy::LocalHandler {
 public:
  std::variant<proxy::LocalResponse, proxy::ForwardTarget> Handle(
      const http::RequestHead&, const proxy::RequestContext&) override {
    return proxy::LocalResponse{};
  }
};

TEST_CASE("a warm request on a kept connection allocates nothing") {
  char name[] = "/tmp/hearth-allocations-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name);
  std::ofstream(folder / "credentials") << "admin:secret\n";
  RealClock clock;
  Replica replica;
  {
    Recorder recorder(1);
    auto writer = accesslog::Writer::Open({.path = folder / "access.log"}, 1);
    REQUIRE(writer.ok());
    ExchangeLog log(&recorder, writer->get(), nullptr, &clock);
    auth::CredentialFile credentials(folder / "credentials");
    REQUIRE(credentials.Refresh().ok());
    auth::FunctionAuthenticator authenticator(&credentials);
    NoLocal local;

    const std::unique_ptr<net::Loop> loop = net::NewEpollLoop(clock);
    route::RouteStore store(clock, {});
    proxy::DataPath path({loop.get()}, {},
                         {.local = &local, .authenticator = &authenticator, .exchanges = &log});
    const auto bound =
        path.Listen(*net::Address::Parse("127.0.0.1:0"), proxy::ListenerKind::kPublic);
    REQUIRE(bound.ok());
    route::FunctionSpec spec;
    spec.key = {"default", "f"};
    spec.policy.is_private = true;
    spec.policy.has_watchdog = true;
    spec.policy.timeout = std::chrono::seconds(60);
    spec.revisions.push_back(
        {"r", 1, {{"r-1", Cat("127.0.0.1:", replica.port()), "a-token-of-the-replica", 2}}});
    path.Install(store.Apply({spec}, {}));
    std::thread thread([&loop] { loop->Run(); });

    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = Loopback(bound->port);
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    const std::string request =
        "POST /function/f/some/longer/path?with=query HTTP/1.1\r\nHost: hearth.example.org\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        "Accept: text/html,application/xhtml+xml\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n"
        "X-Forwarded-For: 192.0.2.7\r\nContent-Length: 0\r\n\r\n";
    const auto call = [&] {
      if (!SendAll(client.get(), request)) return false;
      return ReceiveUntil(client.get(), "\r\n\r\nok").starts_with("HTTP/1.1 200 ");
    };
    const auto count_this_loop = [&](bool on) {
      std::promise<void> done;
      loop->Post([&] {
        counted = on;
        done.set_value();
      });
      done.get_future().wait();
    };
    for (int i = 0; i < 200; ++i) REQUIRE(call());
    count_this_loop(true);
    REQUIRE(call());  // the task above may have left something behind
    const uint64_t before = allocations.load();
    for (int i = 0; i < 2000; ++i) REQUIRE(call());
    const uint64_t after = allocations.load();
    count_this_loop(false);
    CHECK(after - before == 0);

    // The count is not zero because nothing is counted.
    const uint64_t check = allocations.load();
    count_this_loop(true);
    std::promise<void> done;
    loop->Post([&] {
      const auto memory = std::make_unique<std::string>(100, 'x');
      done.set_value();
    });
    done.get_future().wait();
    CHECK(allocations.load() > check);

    loop->Stop();
    thread.join();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth::gateway
