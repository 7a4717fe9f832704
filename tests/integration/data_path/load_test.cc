// The data path on real sockets and real threads: two loops, replicas that count who is inside, and
// callers that come, wait, and leave when they like.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "gateway/balance/picker.h"
#include "gateway/proxy/data_path.h"
#include "gateway/route/route_store.h"

namespace hearth::proxy {
namespace {

// A replica: one thread, any number of connections, answers each request after a moment and knows
// how many were inside at once.
class Replica {
 public:
  Replica() : loop_(net::NewEpollLoop(clock_)) {
    auto listener = loop_->Listen(*net::Address::Parse("127.0.0.1:0"), {},
                                  [this](std::unique_ptr<net::Stream> s) { Accept(std::move(s)); });
    REQUIRE(listener.ok());
    listener_ = *std::move(listener);
    address_ = listener_->address().Text();
    thread_ = std::thread([this] { loop_->Run(); });
  }
  ~Replica() { Stop(); }
  void Stop() {
    if (!thread_.joinable()) return;
    loop_->Stop();
    thread_.join();
    peers_.clear();
    listener_.reset();
  }
  const std::string& address() const { return address_; }
  int most() const { return most_; }
  int served() const { return served_; }

 private:
  struct Peer final : net::StreamHandler {
    Peer(Replica& owner, std::unique_ptr<net::Stream> s) : replica(owner), stream(std::move(s)) {
      answer.SetCallback([this] { Answer(); });
      stream->SetHandler(this);
    }
    ~Peer() override {
      stream->SetHandler(nullptr);
      if (inside) --replica.inside_;
    }
    void OnReadable() override {
      char buffer[4096];
      for (;;) {
        const net::IoResult r = stream->Read(buffer);
        if (r.status == net::IoStatus::kWouldBlock) return;
        if (r.status != net::IoStatus::kOk) {
          if (inside) --replica.inside_;
          inside = false;
          answer.Cancel();
          stream->Abort();
          return;
        }
        in.append(buffer, r.bytes);
        if (in.find("\r\n\r\n") == std::string::npos) continue;
        in.clear();
        inside = true;
        replica.most_ = std::max(replica.most_.load(), ++replica.inside_);
        replica.loop_->ArmAfter(answer, std::chrono::milliseconds(1));
      }
    }
    void OnWritable() override {}
    void Answer() {
      inside = false;
      --replica.inside_;
      ++replica.served_;
      net::WriteAllOf(*stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    Replica& replica;
    std::unique_ptr<net::Stream> stream;
    std::string in;
    bool inside = false;
    net::Timer answer;
  };
  void Accept(std::unique_ptr<net::Stream> s) {
    peers_.push_back(std::make_unique<Peer>(*this, std::move(s)));
  }

  RealClock clock_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::string address_;
  std::atomic<int> inside_{0}, most_{0}, served_{0};
  std::thread thread_;
};

class NoLocal final : public LocalHandler {
 public:
  std::variant<LocalResponse, ForwardTarget> Handle(const http::RequestHead&,
                                                    const RequestContext&) override {
    return LocalResponse{404, {}, ""};
  }
};

class Gateway {
 public:
  Gateway() {
    std::vector<net::Loop*> raw;
    for (int i = 0; i < 2; ++i) {
      loops_.push_back(net::NewEpollLoop(clock_));
      raw.push_back(loops_.back().get());
    }
    store = std::make_unique<route::RouteStore>(
        clock_, route::RouteStore::Options{.loop_count = 2, .limits = &limits});
    path = std::make_unique<DataPath>(raw, Options{}, Dependencies{.local = &local_});
    auto bound = path->Listen(*net::Address::Parse("127.0.0.1:0"), ListenerKind::kPublic);
    REQUIRE(bound.ok());
    port = bound->port;
    for (net::Loop* loop : raw) threads_.emplace_back([loop] { loop->Run(); });
  }
  ~Gateway() {
    for (auto& loop : loops_) loop->Stop();
    for (auto& t : threads_) t.join();
    path.reset();
  }
  void Install(const std::vector<const Replica*>& replicas, uint32_t capacity) {
    route::FunctionSpec spec;
    spec.key = {"default", "f"};
    route::RevisionSpec revision{"r", 1, {}};
    for (const Replica* r : replicas) {
      revision.replicas.push_back({r->address(), r->address(), "", capacity});
    }
    spec.revisions.push_back(std::move(revision));
    path->Install(store->Apply({spec}, {}));
  }
  route::DemandSample Sample() {
    return store->current()->Find("f", "")->state->Sample(clock_.Now());
  }

  route::PlatformLimits limits;
  std::unique_ptr<route::RouteStore> store;
  std::unique_ptr<DataPath> path;
  uint16_t port = 0;

 private:
  RealClock clock_;
  NoLocal local_;
  std::vector<std::unique_ptr<net::Loop>> loops_;
  std::vector<std::thread> threads_;
};

UniqueFd ConnectTo(uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  // Called on several threads, where no assertion may be: a failure shows when it is used.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fd.Reset();
  return fd;
}

bool Ask(int fd) {
  constexpr std::string_view kRequest = "GET /function/f HTTP/1.1\r\nHost: a\r\n\r\n";
  return ::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(kRequest.size());
}

// "200" or whatever the status is; empty: no answer.
std::string AnswerOf(int fd) {
  std::string got;
  char buffer[2048];
  for (;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return "";
    got.append(buffer, static_cast<size_t>(n));
    const size_t end = got.find("\r\n\r\n");
    if (end != std::string::npos && got.size() >= end + 6) return got.substr(9, 3);
  }
}

TEST_CASE("limits hold and nobody is forgotten under load, aborts and route changes") {
  Replica one, two;
  Gateway gateway;
  gateway.Install({&one, &two}, 2);
  constexpr int kThreads = 8;
  std::atomic<int> ok{0}, wrong{0}, asked{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      balance::Random random(static_cast<uint64_t>(t) + 99);
      UniqueFd fd = ConnectTo(gateway.port);
      for (int i = 0; i < 150; ++i) {
        if (!Ask(fd.get())) ++wrong;
        if (random.Below(8) == 0) {  // leaves without waiting
          const linger now{.l_onoff = 1, .l_linger = 0};
          if (random.Below(2) == 0) ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
          fd = ConnectTo(gateway.port);
          continue;
        }
        ++asked;
        (AnswerOf(fd.get()) == "200" ? ok : wrong)++;
      }
    });
  }
  std::thread changer([&] {
    for (int i = 0; !done; ++i) {
      // To zero and back included: those that come meanwhile wait.
      const std::vector<const Replica*> shapes[] = {{&one}, {&one, &two}, {&two}, {}};
      gateway.Install(shapes[i % 4], 2);
      ::poll(nullptr, 0, 3);
    }
    gateway.Install({&one, &two}, 2);
  });
  for (auto& t : callers) t.join();
  done = true;
  changer.join();
  CHECK(wrong == 0);
  CHECK(ok == asked);
  // A replica that left the routes and came back keeps its count, so its limit holds throughout.
  CHECK(one.most() <= 2);
  CHECK(two.most() <= 2);
  CHECK(one.served() > 0);
  CHECK(two.served() > 0);
  // Those that left orderly are noticed half a second later at most, or when they are answered.
  for (int i = 0; i < 400 && gateway.Sample().in_flight + gateway.Sample().queued > 0; ++i) {
    ::poll(nullptr, 0, 10);
  }
  CHECK(gateway.Sample().in_flight == 0);
  CHECK(gateway.Sample().queued == 0);
  CHECK(gateway.limits.queued_requests == 0);
}

TEST_CASE("a replica that dies under load costs idempotent requests nothing") {
  Replica two;
  Gateway gateway;
  auto one = std::make_unique<Replica>();
  gateway.Install({one.get(), &two}, 4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 6; ++t) {
    callers.emplace_back([&] {
      const UniqueFd fd = ConnectTo(gateway.port);
      for (int i = 0; i < 150; ++i) {
        if (!Ask(fd.get()) || AnswerOf(fd.get()) != "200") ++wrong;
      }
    });
  }
  while (one->served() < 100) ::poll(nullptr, 0, 1);
  one->Stop();
  for (auto& t : callers) t.join();
  CHECK(wrong == 0);
  CHECK(two.most() <= 4);
}

TEST_CASE("draining under load answers what is inside") {
  Replica replica;
  Gateway gateway;
  gateway.Install({&replica}, 0);
  std::vector<UniqueFd> fds;
  for (int i = 0; i < 20; ++i) {
    fds.push_back(ConnectTo(gateway.port));
    REQUIRE(Ask(fds.back().get()));
    if (i < 10) CHECK(AnswerOf(fds.back().get()) == "200");  // idle afterwards
  }
  std::atomic<bool> drained{false};
  while (replica.served() < 10) ::poll(nullptr, 0, 1);
  for (int i = 0; i < 1000 && gateway.path->connections() < 20; ++i) ::poll(nullptr, 0, 1);
  gateway.path->Drain({.grace = std::chrono::seconds(10)}, [&] { drained = true; });
  for (int i = 10; i < 20; ++i) CHECK(AnswerOf(fds[static_cast<size_t>(i)].get()) == "200");
  for (int i = 0; i < 1000 && !drained; ++i) ::poll(nullptr, 0, 10);
  CHECK(drained);
}

}  // namespace
}  // namespace hearth::proxy
