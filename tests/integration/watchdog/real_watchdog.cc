#include "tests/integration/watchdog/real_watchdog.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace hearth::watchdog {
namespace {

namespace fs = std::filesystem;

int ListenOn(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 128) != 0) {
    std::abort();
  }
  return fd;
}

// Gives descriptors exactly these numbers in the child, whatever they were.
void PlaceDescriptors(const std::vector<int>& fds) {
  std::vector<int> high;
  for (int fd : fds) high.push_back(fcntl(fd, F_DUPFD, 100));
  for (size_t i = 0; i < high.size(); ++i) {
    dup2(high[i], static_cast<int>(3 + i));
    close(high[i]);
  }
}

net::ClientRequest To(const std::string& socket_path) {
  net::ClientRequest request;
  request.address.kind = net::Address::Kind::kUnix;
  request.address.host = socket_path;
  request.host = "f";
  return request;
}

// Empty for one that has gone meanwhile.
std::string CommandLine(const fs::path& process) {
  const int fd = open((process / "cmdline").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text(4096, '\0');
  const ssize_t n = read(fd, text.data(), text.size());
  close(fd);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

}  // namespace

TempFolder::TempFolder() {
  char name[] = "/tmp/hearth-wd-XXXXXX";
  path_ = mkdtemp(name);
  fs::permissions(path_, fs::perms::owner_all | fs::perms::others_exec | fs::perms::others_read);
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempFolder::Write(const std::string& name, const std::string& text) const {
  const fs::path file = fs::path(path_) / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  return file.string();
}

std::string TempFolder::Read(const std::string& name) const {
  std::ifstream in(fs::path(path_) / name, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

RealWatchdog::RealWatchdog(const TempFolder& folder, const Options& options) : folder_(folder) {
  std::map<std::string, std::string> env = options.env;
  const std::string base = folder.path();
  env.emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
  env.emplace("HEARTH_REPLICA", "test-replica");
  env.emplace("HEARTH_RUNTIME_API", "127.0.0.1:0");
  std::vector<int> fds;
  if (options.inherit) {
    fds = {ListenOn(base + "/data.sock"), ListenOn(base + "/control.sock")};
    for (const char* name : {"/log.a", "/log.b"}) {
      fds.push_back(open((base + name).c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600));
    }
    env["HEARTH_LISTEN"] = "fd:3";
    env["HEARTH_CONTROL"] = "fd:4";
    env["HEARTH_LOG"] = "fd:5,fd:6";
  } else {
    env["HEARTH_LISTEN"] = "unix:" + base + "/data.sock";
    env["HEARTH_CONTROL"] = "unix:" + base + "/control.sock";
  }
  std::vector<std::string> words = options.wrapper;
  words.insert(words.end(), {HEARTH_WATCHDOG, "--"});
  words.insert(words.end(), options.command.begin(), options.command.end());
  std::vector<std::string> entries;
  for (const auto& [name, value] : env) entries.push_back(name + "=" + value);
  pid_ = fork();
  if (pid_ == 0) {
    std::vector<char*> argv, envp;
    for (std::string& w : words) argv.push_back(w.data());
    for (std::string& e : entries) envp.push_back(e.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    const int out = open((base + "/stdout").c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
    dup2(out, 1);
    dup2(out, 2);
    PlaceDescriptors(fds);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(126);
  }
  for (int fd : fds) close(fd);
}

RealWatchdog::~RealWatchdog() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

net::ClientResponse RealWatchdog::Call(net::ClientRequest request) const {
  const net::ClientRequest to = To(folder_.path() + "/data.sock");
  request.address = to.address;
  request.host = to.host;
  const auto response = net::Fetch(request);
  INFO(response.status().ToString() << "\n" << log());
  REQUIRE(response.ok());
  return *response;
}

net::ClientResponse RealWatchdog::Get(const std::string& target) const {
  net::ClientRequest request;
  request.target = target;
  return Call(request);
}

net::ClientResponse RealWatchdog::Control(const std::string& method,
                                          const std::string& target) const {
  net::ClientRequest request = To(folder_.path() + "/control.sock");
  request.method = method;
  request.target = target;
  const auto response = net::Fetch(request);
  return response.ok() ? *response : net::ClientResponse{};
}

std::string RealWatchdog::StatusField(const std::string& name) const {
  const std::string body = Control("GET", "/status").body;
  const size_t at = body.find("\"" + name + "\":");
  if (at == std::string::npos) return {};
  const size_t from = at + name.size() + 3;
  if (body[from] == '"') return body.substr(from + 1, body.find('"', from + 1) - from - 1);
  return body.substr(from, body.find_first_of(",}", from) - from);
}

void RealWatchdog::AwaitReady() const {
  const bool ready = Eventually([this] { return StatusField("state") == "ready"; });
  INFO(log());
  INFO(Control("GET", "/status").body);
  REQUIRE(ready);
}

void RealWatchdog::Signal(int signal) const { kill(pid_, signal); }

int RealWatchdog::Wait() {
  int status = 0;
  const bool ended = Eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) return -1;
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

long RealWatchdog::RssKib() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/status");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  }
  return -1;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

int CountProcesses(const std::string& text) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (std::stoi(name) != getpid() && CommandLine(entry.path()).starts_with(text + " ")) {
      ++count;
    }
  }
  return count;
}

}  // namespace hearth::watchdog
