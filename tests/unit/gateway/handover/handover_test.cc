// What two gateways say to each other, and what each does when the other says something else.
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>

#include "core/base/absl_compat.h"
#include "core/net/socket.h"
#include "gateway/handover/server.h"
#include "gateway/handover/take_over.h"
#include "gateway/handover/wire.h"

namespace hearth::handover {
namespace {

using namespace std::chrono_literals;

struct Folder {
  Folder() {
    char name[] = "/tmp/hearth-ho-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string socket() const { return path + "/handover.sock"; }
  std::string path;
};

UniqueFd Listening() {
  auto fd = net::OpenListener(*net::Address::Parse("127.0.0.1:0"), {});
  REQUIRE(fd.ok());
  return *std::move(fd);
}

TEST_CASE("the list of sockets is read as it was written") {
  SocketList list;
  list.has_routes = true;
  list.lines = {{"public", "127.0.0.1:8080"}, {"functions", "unix:/a b/c.sock"}};
  const auto read = ParseSockets(FormatSockets(list));
  REQUIRE(read.ok());
  CHECK(read->has_routes);
  CHECK(read->lines == list.lines);
  list = {};
  CHECK_FALSE(ParseSockets(FormatSockets(list))->has_routes);
  CHECK_FALSE(ParseSockets("").ok());
  CHECK_FALSE(ParseSockets("sockets").ok());
  CHECK_FALSE(ParseSockets("sockets routes=yes\npublic").ok());
  CHECK_FALSE(ParseSockets("sockets routes=yes\n address").ok());
  CHECK_FALSE(ParseSockets("sockets routes=yes\npublic ").ok());
}

TEST_CASE("where nobody listens there is nothing to take over") {
  const Folder folder;
  const auto none = TakeOver::Begin(folder.socket());
  REQUIRE(none.ok());
  CHECK(*none == nullptr);
  { REQUIRE(OpenHandoverSocket(folder.socket()).ok()); }
  const auto stale = TakeOver::Begin(folder.socket());  // the file of one that was killed
  REQUIRE(stale.ok());
  CHECK(*stale == nullptr);
  CHECK(OpenHandoverSocket(folder.socket()).ok());
  CHECK_THAT(std::string(Message(TakeOver::Begin(std::string(200, 'x')).status())),
             Catch::Contains("200 characters"));
}

TEST_CASE("every socket arrives, by role and address, however many there are") {
  const Folder folder;
  std::vector<PassedSocket> sockets;
  sockets.push_back({"admin", "127.0.0.1:0", Listening()});
  constexpr size_t kMany = kMostDescriptors + 30;
  const UniqueFd one = Listening();
  for (size_t i = 0; i < kMany; ++i) {
    sockets.push_back({"public", "127.0.0.1:80", UniqueFd(::dup(one.get()))});
  }
  std::atomic<int> gone{0};
  Server server(
      *OpenHandoverSocket(folder.socket()), std::move(sockets), [] { return true; },
      [&gone] { ++gone; }, log::Logger::Null());
  server.Start();
  {
    auto given_up = TakeOver::Begin(folder.socket());
    REQUIRE(given_up.ok());
  }  // it ends before "go": nothing has changed
  auto take_over = TakeOver::Begin(folder.socket());
  REQUIRE(take_over.ok());
  REQUIRE(*take_over != nullptr);
  CHECK((*take_over)->predecessor_has_routes());
  CHECK((*take_over)->Take("public", "127.0.0.1:81").empty());
  const auto taken = (*take_over)->Take("public", "127.0.0.1:80");
  REQUIRE(taken.size() == kMany);
  CHECK((*take_over)->Take("public", "127.0.0.1:80").empty());
  CHECK(net::LocalAddress(taken.back().get())->port == net::LocalAddress(one.get())->port);
  CHECK(gone == 0);
  CHECK((*take_over)->Go().ok());
  CHECK(gone == 1);
  CHECK(*TakeOver::Begin(folder.socket()) == nullptr);  // it gave that one away as well
}

TEST_CASE("one that does not know the protocol is told so, and the next is served") {
  const Folder folder;
  Server server(
      *OpenHandoverSocket(folder.socket()), {}, [] { return false; }, [] {}, log::Logger::Null());
  server.Start();
  {
    const UniqueFd stranger(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    folder.socket().copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(::connect(stranger.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(SendPacket(stranger.get(), "hearth-handover 99").ok());
    const auto answer = ReceivePacket(stranger.get(), 5s);
    REQUIRE(answer.ok());
    CHECK(answer->text == "error this gateway speaks \"hearth-handover 1\"");
    CHECK(answer->descriptors.empty());
  }
  const auto next = TakeOver::Begin(folder.socket());
  REQUIRE(next.ok());
  CHECK_FALSE((*next)->predecessor_has_routes());
  server.Stop();  // ends at once, whoever is connected
}

TEST_CASE("a predecessor that refuses, or dies, is an error that says so") {
  const Folder folder;
  const UniqueFd listener = *OpenHandoverSocket(folder.socket());
  const auto answer = [&](std::vector<std::string> packets) {
    auto served = std::async(std::launch::async, [&] {
      const UniqueFd connection(::accept(listener.get(), nullptr, nullptr));
      REQUIRE(ReceivePacket(connection.get(), 5s).ok());
      for (const auto& packet : packets) REQUIRE(SendPacket(connection.get(), packet).ok());
    });
    return std::string(Message(TakeOver::Begin(folder.socket()).status()));
  };
  CHECK_THAT(answer({"error not now"}), Catch::Contains("not now"));
  CHECK_THAT(answer({}), Catch::Contains("closed"));
  CHECK_THAT(answer({"sockets routes=yes\npublic 127.0.0.1:80"}), Catch::Contains("0 came"));
  CHECK_THAT(answer({"hello"}), Catch::Contains("hello"));
}

}  // namespace
}  // namespace hearth::handover
