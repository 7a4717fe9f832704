#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "backend_fixture.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

// A gateway that answers one request with `text` and is gone.
std::thread Gateway(const std::string& path, const std::string& text, UniqueFd* listener) {
  unlink(path.c_str());
  listener->Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  REQUIRE(bind(listener->get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(listener->get(), 5) == 0);
  return std::thread([fd = listener->get(), text] {
    const UniqueFd peer(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
    char buffer[4096];
    if (read(peer.get(), buffer, sizeof(buffer)) <= 0) return;
    const std::string answer =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) +
        "\r\n\r\n" + text;
    if (write(peer.get(), answer.data(), answer.size()) < 0) return;
  });
}

TEST_CASE("a function calls others through the gateway, after its restart as well") {
  BackendFixture f;
  const std::string path = f.run_dir() + "/gateway/functions.sock";
  UniqueFd listener;
  REQUIRE(mkdir((f.run_dir() + "/gateway").c_str(), 0700) == 0);
  std::thread first = Gateway(path, "first gateway", &listener);
  LocalBackendOptions options;
  options.gateway_socket = path;
  REQUIRE(f.Start(options).ok());
  const ReplicaId id = f.Run(BackendFixture::PythonServer(
      "import urllib.request\n"
      "def answer(p, b):\n"
      "  if p == '/ls': return os.listdir('/.hearth/gateway')\n"
      "  return urllib.request.urlopen(os.environ['HEARTH_GATEWAY_URL']).read().decode()\n"));
  // Nothing else is in the folder; where the function has a user of its own, it may not look.
  const std::string list = f.Get(id, "/ls").body;
  CHECK((list == "['functions.sock']" || list.find("PermissionError") == 0));
  CHECK(f.Get(id, "/").body == "first gateway");
  first.join();
  std::thread second = Gateway(path, "second gateway", &listener);
  CHECK(f.Get(id, "/").body == "second gateway");
  second.join();
}

TEST_CASE("a socket beside the platform's own files is refused") {
  BackendFixture f;
  LocalBackendOptions options;
  options.gateway_socket = f.run_dir() + "/gateway.sock";
  const absl::Status status = f.Start(options);
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  options.gateway_socket = f.folder() + "/gateway.sock";
  CHECK_FALSE(f.Start(options).ok());
}

}  // namespace
}  // namespace hearth::controller
