#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::internal {

struct Lost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// One keep-alive HTTP/1.1 connection to the Runtime API, used by one thread. Addresses are numeric, as the
// platform gives them: a resolver could not be linked statically.
class Connection {
 public:
  explicit Connection(std::string address) : address_(std::move(address)) {}
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    buffer_.clear();
  }

  // Sends a request and reads its answer. A kept connection that turns out to be closed is replaced once.
  Answer Request(std::string_view method, std::string_view path, std::string_view fields = "",
                 std::string_view body = "") {
    std::string data = Head(method, path);
    data += fields;
    if (method == "POST") data += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    data += "\r\n";
    data += body;
    for (bool fresh = socket_ < 0;; fresh = true) {
      try {
        if (socket_ < 0) Open();
        Send(data);
        return ReadAnswer();
      } catch (const Lost&) {
        Close();
        if (fresh) throw;
      }
    }
  }

  std::string Head(std::string_view method, std::string_view path) const {
    std::string head(method);
    head += " /2018-06-01/runtime/";
    head += path;
    head += " HTTP/1.1\r\nHost: ";
    head += address_;
    return head += "\r\n";
  }

  void Send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t sent = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) throw Lost(std::string("sending to the Runtime API: ") + std::strerror(errno));
      data.remove_prefix(static_cast<size_t>(sent));
    }
  }

  Answer ReadAnswer() {
    Answer answer;
    const std::string status = Line();
    if (status.size() < 12) throw Lost("the Runtime API does not speak HTTP");
    answer.status = std::atoi(status.c_str() + 9);
    for (std::string line = Line(); !line.empty(); line = Line()) {
      const size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      const size_t start = line.find_first_not_of(" \t", colon + 1);
      answer.headers[name] = start == std::string::npos ? "" : line.substr(start);
    }
    if (answer.headers["transfer-encoding"].find("chunked") != std::string::npos) {
      answer.body = Chunks();
    } else {
      Take(static_cast<size_t>(std::atoll(answer.headers["content-length"].c_str())), answer.body);
    }
    if (answer.headers["connection"] == "close") Close();
    return answer;
  }

 private:
  void Open() {
    const size_t colon = address_.rfind(':');
    std::string host = address_.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::atoi(address_.c_str() + colon + 1)));
    if (colon == std::string::npos || inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1) {
      throw std::runtime_error("AWS_LAMBDA_RUNTIME_API=" + address_ + " is no IPv4 address with a port");
    }
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      throw Lost(std::string("connecting to the Runtime API: ") + std::strerror(errno));
    }
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  void Receive(size_t at_most) {
    const size_t had = buffer_.size();
    buffer_.resize(had + at_most);
    ssize_t got = 0;
    do {
      got = ::recv(socket_, buffer_.data() + had, at_most, 0);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(had + static_cast<size_t>(got > 0 ? got : 0));
    if (got <= 0) throw Lost("the Runtime API closed the connection");
  }

  std::string Line() {
    size_t end;
    while ((end = buffer_.find("\r\n")) == std::string::npos) Receive(16384);
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }

  void Take(size_t size, std::string& out) {
    while (buffer_.size() < size) Receive(size - buffer_.size());
    out.append(buffer_, 0, size);
    buffer_.erase(0, size);
  }

  std::string Chunks() {
    std::string body;
    while (const size_t size = std::strtoull(Line().c_str(), nullptr, 16)) {
      Take(size, body);
      Line();
    }
    while (!Line().empty()) {  // trailers
    }
    return body;
  }

  std::string address_;
  std::string buffer_;
  int socket_ = -1;
};

}  // namespace hearth::internal
