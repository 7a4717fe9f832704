// What every Loop promises: the same cases run on the real one and on the one in memory, so that
// tests on memory say something about the product.
#include <catch2/catch.hpp>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/net/loop.h"
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

class EpollWorld {
 public:
  Loop& loop() { return *loop_; }
  std::string Address() { return "127.0.0.1:0"; }
  // Runs the loop until the condition holds; false when it does not within ten seconds.
  bool RunUntil(const std::function<bool()>& condition) {
    const MonotonicTime end = clock_.Now() + seconds(10);
    Timer poll;
    bool met = false;
    poll.SetCallback([&] {
      met = condition();
      if (met || clock_.Now() > end) {
        loop_->Stop();
      } else {
        loop_->ArmAfter(poll, milliseconds(1));
      }
    });
    loop_->ArmAfter(poll, Duration(0));
    loop_->Run();
    return met;
  }
  static constexpr size_t kMoreThanBuffers = 16 << 20;

 private:
  RealClock clock_;
  std::unique_ptr<Loop> loop_ = NewEpollLoop(clock_);
};

class EpollUnixWorld : public EpollWorld {
 public:
  ~EpollUnixWorld() { ::unlink(path_.c_str()); }
  std::string Address() { return "unix:" + path_; }

 private:
  std::string path_ = "/tmp/hearth-loop-test-" + std::to_string(::getpid()) + ".sock";
};

class MemoryWorld {
 public:
  MemoryWorld() { loop_.set_pipe_capacity(4096); }
  Loop& loop() { return loop_; }
  std::string Address() { return "127.0.0.1:0"; }
  bool RunUntil(const std::function<bool()>& condition) {
    for (int i = 0; i < 10'000; ++i) {
      loop_.RunUntilIdle();
      if (condition()) return true;
      loop_.Advance(milliseconds(1));
    }
    return false;
  }
  static constexpr size_t kMoreThanBuffers = 1 << 20;

 private:
  FakeClock clock_;
  MemoryLoop loop_{clock_};
};

#define LOOPS EpollWorld, EpollUnixWorld, MemoryWorld

TEMPLATE_TEST_CASE("bytes go both ways and the ends are seen", "", LOOPS) {
  TestType world;
  TestServer server(world.loop(), world.Address());
  TestPeer client(world.loop(), server.address().Text());
  client.Send("hello");
  REQUIRE(
      world.RunUntil([&] { return server.size() == 1 && server.last().received() == "hello"; }));
  server.last().Send("world");
  REQUIRE(world.RunUntil([&] { return client.received() == "world"; }));

  client.FinishSending();  // half-close: the other direction stays open
  REQUIRE(world.RunUntil([&] { return server.last().eof(); }));
  server.last().Send("!");
  REQUIRE(world.RunUntil([&] { return client.received() == "world!"; }));
  CHECK_FALSE(client.eof());
  server.last().Close();
  REQUIRE(world.RunUntil([&] { return client.eof(); }));
  CHECK_FALSE(client.reset());
}

TEMPLATE_TEST_CASE("data and end that arrive together are both seen", "", LOOPS) {
  TestType world;
  std::unique_ptr<Stream> accepted;
  auto listener =
      world.loop().Listen(*Address::Parse(world.Address()), {},
                          [&](std::unique_ptr<Stream> stream) { accepted = std::move(stream); });
  REQUIRE(listener.ok());
  TestPeer client(world.loop(), (*listener)->address().Text());
  client.Send("data");
  client.FinishSending();
  REQUIRE(world.RunUntil([&] { return accepted != nullptr; }));

  // Reads once an edge, as the contract allows: a short read means that the next edge will come.
  struct OneRead : StreamHandler {
    Stream* stream = nullptr;
    std::string got;
    bool eof = false;
    void OnReadable() override {
      char buffer[100];
      const IoResult result = stream->Read(buffer);
      got.append(buffer, result.bytes);
      if (result.status == IoStatus::kEof) eof = true;
    }
    void OnWritable() override {}
  } handler;
  handler.stream = accepted.get();
  accepted->SetHandler(&handler);
  REQUIRE(world.RunUntil([&] { return handler.eof; }));
  CHECK(handler.got == "data");
}

TEMPLATE_TEST_CASE("edges that come while nobody listens are kept", "", LOOPS) {
  TestType world;
  std::unique_ptr<Stream> accepted;
  auto listener =
      world.loop().Listen(*Address::Parse(world.Address()), {},
                          [&](std::unique_ptr<Stream> stream) { accepted = std::move(stream); });
  REQUIRE(listener.ok());
  TestPeer client(world.loop(), (*listener)->address().Text());
  client.Send("early");
  int turns = 0;
  REQUIRE(
      world.RunUntil([&] { return accepted != nullptr && client.unsent() == 0 && ++turns > 5; }));
  TestPeer late(std::move(accepted));
  REQUIRE(world.RunUntil([&] { return late.received() == "early"; }));
}

TEMPLATE_TEST_CASE("a writer is held back until the reader reads", "", LOOPS) {
  TestType world;
  TestServer server(world.loop(), world.Address());
  server.on_change = [](TestPeer& peer) { peer.Pause(); };
  TestPeer client(world.loop(), server.address().Text());
  client.Send("x");
  REQUIRE(world.RunUntil([&] { return server.size() == 1 && !server.last().received().empty(); }));
  const std::string much(TestType::kMoreThanBuffers, 'y');
  client.Send(much);
  int turns = 0;
  REQUIRE(world.RunUntil([&] { return ++turns > 20; }));
  CHECK(client.unsent() > 0);
  CHECK(server.last().received().size() == 1);
  server.last().on_change = nullptr;
  server.last().Resume();
  REQUIRE(world.RunUntil([&] { return server.last().received().size() == much.size() + 1; }));
  CHECK(client.unsent() == 0);
}

TEMPLATE_TEST_CASE("an abort is a reset for the other side", "", EpollWorld, MemoryWorld) {
  TestType world;
  TestServer server(world.loop(), world.Address());
  TestPeer client(world.loop(), server.address().Text());
  client.Send("x");
  REQUIRE(world.RunUntil([&] { return server.size() == 1 && server.last().received() == "x"; }));
  server.last().Abort();
  REQUIRE(world.RunUntil([&] { return client.reset(); }));
  CHECK_FALSE(client.eof());
}

TEMPLATE_TEST_CASE("writing to a closed connection ends in a reset, not in a signal", "", LOOPS) {
  TestType world;
  TestServer server(world.loop(), world.Address());
  TestPeer client(world.loop(), server.address().Text());
  REQUIRE(world.RunUntil([&] { return server.size() == 1; }));
  server.last().Close();
  REQUIRE(world.RunUntil([&] { return client.eof() || client.reset(); }));
  REQUIRE(world.RunUntil([&] {
    client.Send("more");
    return client.reset();
  }));
}

TEMPLATE_TEST_CASE("a stream may be destroyed inside its own callback", "", LOOPS) {
  TestType world;
  TestServer server(world.loop(), world.Address());
  bool closed = false;
  server.on_change = [&](TestPeer& peer) {
    peer.Close();
    closed = true;
  };
  TestPeer client(world.loop(), server.address().Text());
  client.Send("x");
  REQUIRE(world.RunUntil([&] { return closed; }));
  REQUIRE(world.RunUntil([&] { return client.eof() || client.reset(); }));
}

TEMPLATE_TEST_CASE("connecting where nobody listens is refused", "", LOOPS) {
  TestType world;
  std::string address;
  {
    const TestServer gone(world.loop(), world.Address());
    address = gone.address().Text();
  }
  std::optional<absl::Status> status;
  bool inside = true;
  auto pending = world.loop().Connect(*Address::Parse(address), seconds(5),
                                      [&](absl::StatusOr<std::unique_ptr<Stream>> stream) {
                                        CHECK_FALSE(inside);
                                        status = stream.status();
                                      });
  inside = false;
  REQUIRE(world.RunUntil([&] { return status.has_value(); }));
  CHECK(absl::IsUnavailable(*status));
  CHECK(Message(*status).find(address) != std::string_view::npos);
}

TEMPLATE_TEST_CASE("a connect that is cancelled never calls back", "", LOOPS) {
  TestType world;
  const TestServer server(world.loop(), world.Address());
  bool called = false;
  auto pending = world.loop().Connect(server.address(), seconds(5), [&](auto) { called = true; });
  pending.reset();
  int turns = 0;
  REQUIRE(world.RunUntil([&] { return ++turns > 20; }));
  CHECK_FALSE(called);
}

TEMPLATE_TEST_CASE("a connect may be destroyed by its callback", "", LOOPS) {
  TestType world;
  const TestServer server(world.loop(), world.Address());
  std::unique_ptr<PendingConnect> pending;
  std::unique_ptr<Stream> stream;
  pending = world.loop().Connect(server.address(), seconds(5), [&](auto result) {
    pending.reset();
    stream = *std::move(result);
  });
  REQUIRE(world.RunUntil([&] { return stream != nullptr; }));
}

TEMPLATE_TEST_CASE("a paused listener leaves connections waiting", "", LOOPS) {
  TestType world;
  int accepted = 0;
  std::vector<std::unique_ptr<Stream>> streams;
  auto listener = world.loop().Listen(*Address::Parse(world.Address()), {}, [&](auto stream) {
    ++accepted;
    streams.push_back(std::move(stream));
  });
  REQUIRE(listener.ok());
  (*listener)->Pause();
  const TestPeer client(world.loop(), (*listener)->address().Text());
  int turns = 0;
  REQUIRE(world.RunUntil([&] { return client.connected() && ++turns > 5; }));
  CHECK(accepted == 0);
  (*listener)->Resume();
  REQUIRE(world.RunUntil([&] { return accepted == 1; }));
}

TEMPLATE_TEST_CASE("an address that is taken cannot be listened on", "", LOOPS) {
  TestType world;
  const TestServer server(world.loop(), world.Address());
  const auto second = world.loop().Listen(server.address(), {}, [](auto) {});
  REQUIRE_FALSE(second.ok());
  CHECK(absl::IsAlreadyExists(second.status()));
}

TEMPLATE_TEST_CASE("timers fire in order, not early, and can be cancelled", "", LOOPS) {
  TestType world;
  Loop& loop = world.loop();
  std::string order;
  const MonotonicTime start = loop.clock().Now();
  std::vector<Duration> fired;
  Timer a([&] { order += 'a'; });
  Timer b([&] {
    order += 'b';
    fired.push_back(loop.clock().Now() - start);
  });
  Timer c([&] { order += 'c'; });
  Timer d([&] { order += 'd'; });
  loop.Arm(c, start + milliseconds(70));
  loop.Arm(a, start + milliseconds(5));
  loop.Arm(b, start + milliseconds(20));
  loop.Arm(d, start + milliseconds(10));
  d.Cancel();
  CHECK_FALSE(d.armed());
  loop.Arm(a, start + milliseconds(30));  // later than b now
  auto destroyed = std::make_unique<Timer>([&] { order += 'x'; });
  loop.Arm(*destroyed, start + milliseconds(1));
  destroyed.reset();
  REQUIRE(world.RunUntil([&] { return order.size() >= 3; }));
  CHECK(order == "bac");
  CHECK(fired.at(0) >= milliseconds(20));
  CHECK_FALSE(c.armed());
}

TEMPLATE_TEST_CASE("a timer may re-arm or destroy itself while it fires", "", LOOPS) {
  TestType world;
  Loop& loop = world.loop();
  int count = 0;
  Timer again;
  again.SetCallback([&] {
    if (++count < 3) loop.ArmAfter(again, milliseconds(1));
  });
  loop.ArmAfter(again, milliseconds(0));
  auto own = std::make_unique<Timer>();
  const std::string text(100, 'k');  // captured by value: must outlive the call
  std::string copied;
  own->SetCallback([&, text] {
    own.reset();
    copied = text;
  });
  loop.ArmAfter(*own, milliseconds(2));
  REQUIRE(world.RunUntil([&] { return count == 3 && own == nullptr; }));
  CHECK(copied == text);
}

TEMPLATE_TEST_CASE("tasks run in order, deferred ones later in the same turn", "", LOOPS) {
  TestType world;
  Loop& loop = world.loop();
  std::string order;
  loop.Post([&] {
    order += '1';
    loop.Defer([&] { order += '3'; });
  });
  loop.Post([&] { order += '2'; });
  REQUIRE(world.RunUntil([&] { return order.size() == 3; }));
  CHECK(order == "123");
}

TEMPLATE_TEST_CASE("Post and Stop work from other threads", "", LOOPS) {
  TestType world;
  Loop& loop = world.loop();
  int sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) loop.Post([&] { ++sum; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(world.RunUntil([&] { return sum == 4000; }));
  std::thread stopper([&] { loop.Stop(); });
  stopper.join();
  loop.Run();  // returns at once: it was stopped before
}

}  // namespace
}  // namespace hearth::net
