// The program itself: what it prints, how it starts, how it ends.
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/net/http_client.h"
#include "core/net/loop.h"
#include "core/net/socket.h"
#include "tests/fakes/fleet/fake_controller.h"
#include "tests/integration/gateway/local_server.h"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using fakes::FakeController;
using fakes::MakeRoute;

struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/hearth-gwp-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

// A port that nobody has at this moment.
std::string FreeAddress() {
  const auto fd = net::OpenListener(*net::Address::Parse("127.0.0.1:0"), {});
  REQUIRE(fd.ok());
  return net::LocalAddress(fd->get())->Text();
}

class Program {
 public:
  Program(std::vector<std::string> args, const std::vector<std::string>& environment = {}) {
    std::array<int, 2> output{};
    std::array<int, 2> ready{};
    REQUIRE(::pipe2(output.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
    output_.Reset(output[0]);
    ready_.Reset(ready[0]);
    args.insert(args.begin(), HEARTH_GATEWAY_PROGRAM);
    args.push_back("--ready-fd=7");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::dup2(output[1], STDERR_FILENO);
      ::dup2(ready[1], 7);
      std::vector<char*> argv;
      for (std::string& arg : args) argv.push_back(arg.data());
      argv.push_back(nullptr);
      for (const std::string& pair : environment) {
        const size_t equals = pair.find('=');
        ::setenv(pair.substr(0, equals).c_str(), pair.substr(equals + 1).c_str(), 1);
      }
      ::execv(HEARTH_GATEWAY_PROGRAM, argv.data());
      ::_exit(127);
    }
    ::close(output[1]);
    ::close(ready[1]);
    collector_ = std::thread([this] { Collect(); });
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      Wait();
    }
    collector_.join();
  }

  // Clients can connect. False: it ended before.
  bool Ready() {
    std::array<char, 16> text{};
    const ssize_t n = ::read(ready_.get(), text.data(), text.size());
    return n == 8 && std::string_view(text.data(), 8) == "READY=1\n";
  }
  void Signal(int signal) const { ::kill(pid_, signal); }
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  uint64_t ResidentBytes() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    uint64_t all = 0;
    uint64_t resident = 0;
    statm >> all >> resident;
    return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  // All that it has printed; after Wait.
  std::string Output() {
    if (collector_.joinable()) collector_.join();
    collector_ = std::thread([] {});
    return text_;
  }

 private:
  void Collect() {
    std::array<char, 4096> bytes{};
    for (ssize_t n; (n = ::read(output_.get(), bytes.data(), bytes.size())) > 0;) {
      text_.append(bytes.data(), static_cast<size_t>(n));
    }
  }
  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd ready_;
  std::string text_;
  std::thread collector_;
};

int StatusOf(const std::string& address, const std::string& target) {
  net::ClientRequest request;
  request.address = *net::Address::Parse(address);
  request.target = target;
  request.total_timeout = 10s;
  const auto response = net::Fetch(request);
  return response.ok() ? response->status : 0;
}

bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 1000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST_CASE("The gateway tells when it is ready, serves, and ends on SIGTERM") {
  TempFolder folder;
  std::ofstream(folder.path + "/credentials") << "admin:top-secret-password\n";
  LocalServer replica([](const std::shared_ptr<net::ServerExchange>& exchange) {
    exchange->Respond(200, {}, "hello");
  });
  FakeController controller("unix:" + folder.path + "/fleet.sock");
  controller.Upsert(MakeRoute("hello", replica.address(), 1));
  const std::string listen = FreeAddress();
  Program gateway({"--listen", listen, "--controller", controller.address(), "--auth-file",
                   folder.path + "/credentials"},
                  {"HEARTH_GATEWAY_ADMIN_LISTEN=" + FreeAddress(), "HEARTH_GATEWAY_THREADS=2"});
  REQUIRE(gateway.Ready());
  CHECK(Eventually([&] { return StatusOf(listen, "/function/hello") == 200; }));
  CHECK(StatusOf(listen, "/healthz") == 200);
  gateway.Signal(SIGTERM);
  CHECK(gateway.Wait() == 0);
  const std::string output = gateway.Output();
  INFO(output);
  CHECK_THAT(output, Catch::Contains("listen = " + listen + " (flag)"));
  CHECK_THAT(output, Catch::Contains("threads = 2 (environment)"));
  CHECK_THAT(output, Catch::Contains("stopped"));
  CHECK(output.find("top-secret-password") == std::string::npos);
}

TEST_CASE("A second gateway beside the first says which port is taken and which flag to change") {
  const std::string listen = FreeAddress();
  Program first({"--listen", listen, "--admin-listen", "", "--threads=2"});
  REQUIRE(first.Ready());
  Program second({"--listen", listen, "--admin-listen", "", "--threads=2"});
  CHECK_FALSE(second.Ready());
  CHECK(second.Wait() == 1);
  const std::string output = second.Output();
  INFO(output);
  CHECK_THAT(output, Catch::Contains(listen) && Catch::Contains("--listen"));
  CHECK(StatusOf(listen, "/healthz") == 200);
  first.Signal(SIGINT);
  CHECK(first.Wait() == 0);
}

TEST_CASE("Killed, it comes back with its routes although no controller is there") {
  TempFolder folder;
  const std::string cache = folder.path + "/routes.pb";
  const std::string listen = FreeAddress();
  LocalServer replica([](const std::shared_ptr<net::ServerExchange>& exchange) {
    exchange->Respond(200, {}, "hello");
  });
  const std::vector<std::string> args = {"--listen",       listen,
                                         "--admin-listen", "",
                                         "--controller",   "unix:" + folder.path + "/fleet.sock",
                                         "--route-cache",  cache};
  {
    FakeController controller("unix:" + folder.path + "/fleet.sock");
    controller.Upsert(MakeRoute("hello", replica.address(), 1));
    Program gateway(args);
    REQUIRE(gateway.Ready());
    REQUIRE(Eventually([&] { return std::filesystem::exists(cache); }));
    gateway.Signal(SIGKILL);
    CHECK(gateway.Wait() == 128 + SIGKILL);
  }
  Program gateway(args);
  REQUIRE(gateway.Ready());
  CHECK(Eventually([&] { return StatusOf(listen, "/function/hello") == 200; }));
}

#if !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)  // they take memory of their own
TEST_CASE("Ten thousand functions cost the gateway little memory") {
  TempFolder folder;
  FakeController controller("unix:" + folder.path + "/fleet.sock");
  const std::string admin = FreeAddress();
  Program gateway({"--listen", FreeAddress(), "--admin-listen", admin, "--threads=2",
                   "--controller", controller.address()});
  REQUIRE(gateway.Ready());
  REQUIRE(controller.WaitForAck(1));
  const uint64_t before = gateway.ResidentBytes();
  uint64_t sequence = 0;
  for (int i = 0; i < 10000; ++i) {
    sequence = controller.Upsert(MakeRoute("function-" + std::to_string(i), ""));
  }
  REQUIRE(controller.WaitForAck(sequence));
  const uint64_t each = (gateway.ResidentBytes() - before) / 10000;
  INFO(each << " bytes each");
  CHECK(each <= 2048);
}
#endif

TEST_CASE("A wrong option ends it with a message") {
  Program gateway({"--listen", "localhost:80"});
  CHECK_FALSE(gateway.Ready());
  CHECK(gateway.Wait() != 0);
  CHECK_THAT(gateway.Output(), Catch::Contains("listen"));
}

}  // namespace
}  // namespace hearth
