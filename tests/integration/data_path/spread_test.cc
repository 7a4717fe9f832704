// Connections on real sockets and several loops: each loop gets its share.
#include "gateway/proxy/spread.h"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "core/base/real_clock.h"
#include "core/base/unique_fd.h"
#include "gateway/proxy/data_path.h"

namespace hearth::proxy {
namespace {

TEST_CASE("a connection moves only where that makes a difference") {
  struct Row {
    std::vector<uint64_t> loads;
    size_t own;
    size_t chosen;
  };
  const std::vector<Row> rows{{{0, 0}, 1, 1},        {{1, 0}, 0, 0},      {{2, 0}, 0, 1},
                              {{0, 5}, 0, 0},        {{7, 3, 5}, 0, 1},   {{100, 90}, 0, 0},
                              {{102, 90}, 0, 1},     {{4}, 0, 0},         {{9, 9, 9, 2}, 2, 3},
                              {{800, 900, 0}, 1, 2}, {{49, 44, 60}, 0, 0}};
  for (const Row& row : rows) {
    INFO(row.loads[0] << ", own " << row.own);
    CHECK(ChooseLoop(row.loads, row.own) == row.chosen);
  }
}

constexpr size_t kLoops = 3;

class Counts final : public ExchangeObserver {
 public:
  void OnStarted(uint32_t, const route::Function&) override {}
  void OnFinished(const ExchangeRecord&) override {}
  void OnRejected(uint32_t, int, std::string_view) override {}
  void OnConnections(uint32_t loop, int64_t change) override { open.at(loop) += change; }
  void OnEvent(uint32_t, const route::Function*, EventKind, std::string_view) override {}
  std::array<std::atomic<int64_t>, kLoops> open{};
};

class NoLocal final : public LocalHandler {
 public:
  std::variant<LocalResponse, ForwardTarget> Handle(const http::RequestHead&,
                                                    const RequestContext&) override {
    LocalResponse nothing;
    nothing.status = 404;
    return nothing;
  }
};

TEST_CASE("every loop gets its share of the connections, whatever the kernel's hash says") {
  const std::string unix_path = "/tmp/hearth-spread-" + std::to_string(::getpid()) + ".sock";
  for (const std::string& where : {std::string("127.0.0.1:0"), "unix:" + unix_path}) {
    RealClock clock;
    NoLocal local;
    Counts counts;
    std::vector<std::unique_ptr<net::Loop>> loops;
    std::vector<net::Loop*> raw;
    for (size_t i = 0; i < kLoops; ++i) {
      loops.push_back(net::NewEpollLoop(clock));
      raw.push_back(loops.back().get());
    }
    DataPath path(raw, Options{}, Dependencies{.local = &local, .exchanges = &counts});
    const auto bound = path.Listen(*net::Address::Parse(where), ListenerKind::kPublic);
    REQUIRE(bound.ok());
    std::vector<std::thread> threads;
    for (net::Loop* loop : raw) threads.emplace_back([loop] { loop->Run(); });

    const std::unique_ptr<net::Loop> client_loop = net::NewEpollLoop(clock);
    std::vector<std::unique_ptr<net::PendingConnect>> connects;
    std::vector<std::unique_ptr<net::Stream>> clients;
    constexpr size_t kClients = 60;
    std::function<void()> next = [&] {
      connects.push_back(client_loop->Connect(*bound, std::chrono::seconds(20), [&](auto stream) {
        REQUIRE(stream.ok());
        clients.push_back(*std::move(stream));
        if (clients.size() == kClients) return client_loop->Stop();
        client_loop->Defer(next);
      }));
    };
    next();
    client_loop->Run();
    for (int i = 0; path.connections() != kClients && i < 2000; ++i) ::poll(nullptr, 0, 10);
    REQUIRE(path.connections() == kClients);
    const auto [least, most] =
        std::minmax_element(counts.open.begin(), counts.open.end(),
                            [](const auto& a, const auto& b) { return a.load() < b.load(); });
    CHECK(most->load() - least->load() <= 4);
    connects.clear();
    clients.clear();
    for (net::Loop* loop : raw) loop->Stop();
    for (std::thread& thread : threads) thread.join();
  }
  ::unlink(unix_path.c_str());
}

}  // namespace
}  // namespace hearth::proxy
