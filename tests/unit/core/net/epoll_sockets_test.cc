// What only real descriptors show: files of Unix sockets, inheritance, an exhausted table, pipes.
#include <catch2/catch.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/net/loop.h"
#include "core/net/resolve.h"
#include "core/net/socket.h"
#include "tests/fakes/test_peer.h"

namespace hearth::net {
namespace {

using fakes::TestPeer;
using fakes::TestServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

class World {
 public:
  World() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    path = folder + "/s.sock";
  }
  ~World() {
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
  bool RunUntil(const std::function<bool()>& condition) {
    const MonotonicTime end = clock.Now() + seconds(10);
    bool met = false;
    Timer poll;
    poll.SetCallback([&] {
      met = condition();
      if (met || clock.Now() > end) return loop->Stop();
      loop->ArmAfter(poll, milliseconds(1));
    });
    loop->ArmAfter(poll, Duration(0));
    loop->Run();
    return met;
  }
  absl::StatusOr<std::unique_ptr<Listener>> Listen(const std::string& text) {
    return loop->Listen(*Address::Parse(text), {},
                        [this](std::unique_ptr<Stream> s) { streams.push_back(std::move(s)); });
  }

  std::string folder = "/tmp/hearth-sockets-XXXXXX";
  std::string path;
  RealClock clock;
  std::unique_ptr<Loop> loop = NewEpollLoop(clock);
  std::vector<std::unique_ptr<Stream>> streams;
};

TEST_CASE("a Unix socket's file is private, and replaced only when nobody answers on it") {
  World world;
  const std::string address = "unix:" + world.path;
  {
    auto listener = world.Listen(address);
    REQUIRE(listener.ok());
    struct stat st {};
    REQUIRE(::stat(world.path.c_str(), &st) == 0);
    CHECK((st.st_mode & 0777) == 0600);
    CHECK(absl::IsAlreadyExists(world.Listen(address).status()));
    CHECK(::access(world.path.c_str(), F_OK) == 0);
  }
  CHECK(::access(world.path.c_str(), F_OK) == 0);  // the file stays behind, as after a crash
  CHECK(world.Listen(address).ok());
  ::unlink(world.path.c_str());
  std::ofstream(world.path) << "a user's file";
  const auto refused = world.Listen(address);
  CHECK(absl::IsAlreadyExists(refused.status()));
  CHECK(Message(refused.status()).find("not a socket") != std::string_view::npos);
  CHECK(::access(world.path.c_str(), F_OK) == 0);
}

TEST_CASE("an inherited listening socket") {
  World world;
  auto opened = OpenListener(*Address::Parse("127.0.0.1:0"), {});
  REQUIRE(opened.ok());
  const Address real = *LocalAddress(opened->get());
  auto listener = world.Listen("fd:" + std::to_string(opened->Release()));
  REQUIRE(listener.ok());
  CHECK((*listener)->address() == real);
  const TestPeer client(*world.loop, real.Text());
  CHECK(world.RunUntil([&] { return world.streams.size() == 1; }));
  CHECK(world.streams[0]->peer_ip() == "127.0.0.1");

  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  CHECK(absl::IsInvalidArgument(world.Listen("fd:" + std::to_string(ends[0])).status()));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("IPv6") {
  World world;
  auto listener = world.Listen("[::1]:0");
  if (!listener.ok()) {  // a machine without IPv6: then the error says what is the matter
    const std::string_view why = Message(listener.status());
    CHECK((why.find("no interface has this address") != std::string_view::npos ||
           why.find("Address family not supported") != std::string_view::npos));
    return;
  }
  REQUIRE(listener.ok());
  const TestPeer client(*world.loop, (*listener)->address().Text());
  CHECK(world.RunUntil([&] { return world.streams.size() == 1; }));
  CHECK(world.streams[0]->peer_ip() == "::1");
}

TEST_CASE("several loops share one port") {
  World a;
  World b;
  ListenOptions options;
  options.reuse_port = true;
  auto first = a.loop->Listen(*Address::Parse("127.0.0.1:0"), options, [](auto) {});
  REQUIRE(first.ok());
  CHECK(b.loop->Listen((*first)->address(), options, [](auto) {}).ok());
}

TEST_CASE("a full descriptor table pauses accepting and does not spin") {
  World world;
  auto listener = world.Listen("127.0.0.1:0");
  REQUIRE(listener.ok());
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bool finished = false;
  auto connecting = StartConnect((*listener)->address(), &finished);
  REQUIRE(connecting.ok());

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int highest = ::dup(0);
  ::close(highest);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(highest);  // not one more descriptor
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  rusage used_before{};
  ::getrusage(RUSAGE_THREAD, &used_before);
  const MonotonicTime start = world.clock.Now();
  world.RunUntil([&] { return world.clock.Now() - start > milliseconds(200); });
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(world.streams.empty());
  // The poll of RunUntil wakes some 200 times; a spinning listener would use all of the time.
  const auto cpu = [](const rusage& u) {
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1'000'000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
  };
  CHECK(cpu(used) - cpu(used_before) < 100'000);
  CHECK(world.RunUntil([&] { return world.streams.size() == 1; }));
}

TEST_CASE("pipes: bytes, the end, and a reader that is gone") {
  World world;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  TestPeer reader(world.loop->Adopt(ends[0]));
  {
    TestPeer writer(world.loop->Adopt(ends[1]));
    writer.Send("from a child");
    REQUIRE(world.RunUntil([&] { return reader.received() == "from a child"; }));
  }
  CHECK(world.RunUntil([&] { return reader.eof(); }));

  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  TestPeer writer(world.loop->Adopt(ends[1]));
  ::close(ends[0]);
  writer.Send("x");  // no SIGPIPE: this test would be dead
  CHECK(writer.reset());
}

TEST_CASE("more pieces than the kernel takes at once") {
  World world;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  TestPeer reader(world.loop->Adopt(ends[0]));
  const auto stream = world.loop->Adopt(ends[1]);
  struct Writer : StreamHandler {
    void OnReadable() override {}
    void OnWritable() override {
      std::vector<iovec> pieces(2000 - sent, iovec{&byte, 1});
      sent += stream->Write(pieces).bytes;
    }
    Stream* stream = nullptr;
    char byte = 'x';
    size_t sent = 0;
  } writer;
  writer.stream = stream.get();
  stream->SetHandler(&writer);
  writer.OnWritable();
  CHECK(writer.sent == 1024);
  CHECK(world.RunUntil([&] { return reader.received().size() == 2000; }));
}

TEST_CASE("names") {
  const auto literal = Resolve("127.0.0.1", 80);
  REQUIRE(literal.ok());
  CHECK(literal->front().Text() == "127.0.0.1:80");
  CHECK_FALSE(Resolve("no such name", 80).ok());
}

}  // namespace
}  // namespace hearth::net
