// A small HTTP server, static, for images without anything else: "GET /VERB/ARGUMENT" answers what
// it sees. It stands in for a stranger's container.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string Do(const std::string& verb, const std::string& argument) {
  const std::string path = "/" + argument;
  char buffer[4096];
  if (verb == "uid") return std::to_string(getuid()) + ":" + std::to_string(getgid());
  if (verb == "cwd") return getcwd(buffer, sizeof(buffer)) == nullptr ? "?" : buffer;
  if (verb == "env") {
    const char* value = getenv(argument.c_str());
    return value == nullptr ? "unset" : value;
  }
  if (verb == "read" || verb == "write") {
    const int fd = open(path.c_str(), verb == "read" ? O_RDONLY : O_WRONLY | O_CREAT, 0644);
    if (fd < 0) return std::string("error: ") + strerror(errno);
    const ssize_t n = verb == "read" ? read(fd, buffer, sizeof(buffer)) : write(fd, "written", 7);
    close(fd);
    if (n < 0) return std::string("error: ") + strerror(errno);
    return verb == "read" ? std::string(buffer, static_cast<size_t>(n)) : "written";
  }
  return "unknown verb";
}

void Serve(int connection) {
  char buffer[8192];
  ssize_t n = 0;
  while ((n = read(connection, buffer, sizeof(buffer) - 1)) > 0) {
    buffer[n] = 0;
    char method[16], target[4096];
    if (sscanf(buffer, "%15s %4095s", method, target) != 2) return;
    const std::string path = target + 1;
    const size_t slash = path.find('/');
    const std::string argument = slash == std::string::npos ? "" : path.substr(slash + 1);
    const std::string body = Do(path.substr(0, slash), argument);
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    if (write(connection, answer.data(), answer.size()) < 0) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* port = argc > 1 ? argv[1] : getenv("PORT");
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(atoi(port == nullptr ? "8080" : port)));
  if (bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    perror("bind");
    return 1;
  }
  listen(server, 16);
  while (true) {
    const int connection = accept(server, nullptr, nullptr);
    if (connection < 0) continue;
    if (fork() == 0) {
      Serve(connection);
      return 0;
    }
    close(connection);
  }
}
