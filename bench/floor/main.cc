// The least that passing a request on costs on this machine: reads what a client sends, without
// looking at it, sends a fixed request to the target, and the answer back. One upstream connection
// for each client, edge-triggered, registered once; no parsing, limits, timers, log or errors. What
// a real proxy costs beyond this is what its features cost; what this costs is the kernel's.
//
//   hearth-floor PORT TARGET_PORT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/base/unique_fd.h"

namespace {

using hearth::UniqueFd;

constexpr std::string_view kRequest =
    "GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n"
    "X-Call-Id: 00000000-0000-4000-8000-000000000000\r\n\r\n";

// One side of a pair of connections; both belong to the client's side.
struct Side {
  UniqueFd fd;
  Side* other = nullptr;
  std::unique_ptr<Side> owned;  // the target's side
};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void Watch(int epoll, Side* side) {
  const int on = 1;
  ::setsockopt(side->fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = side;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, side->fd.get(), &event);
}

void Accept(int epoll, int listener, const sockaddr_in& target) {
  UniqueFd client(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  UniqueFd upstream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!client.valid() ||
      ::connect(upstream.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    return;
  }
  auto* const side = new Side{std::move(client), nullptr, std::make_unique<Side>()};
  side->owned->fd = std::move(upstream);
  side->owned->other = side;
  side->other = side->owned.get();
  Watch(epoll, side);
  Watch(epoll, side->other);
}

// False: the pair has ended.
bool Forward(Side* side) {
  static std::array<char, 64 * 1024> buffer;
  const ssize_t n = ::recv(side->fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return true;
  if (n <= 0) return false;
  const bool from_client = side->owned != nullptr;
  const std::string_view bytes =
      from_client ? kRequest : std::string_view(buffer.data(), static_cast<size_t>(n));
  return ::send(side->other->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

int Serve(int port, int target_port) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const sockaddr_in address = Loopback(port);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 4096) != 0) {
    std::perror("hearth-floor: cannot listen");
    return 1;
  }
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &event);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& e = events[static_cast<size_t>(i)];
      auto* const side = static_cast<Side*>(e.data.ptr);
      if (side == nullptr) {
        Accept(epoll.get(), listener.get(), Loopback(target_port));
      } else if (side->fd.valid() && (e.events & EPOLLIN) != 0 && !Forward(side)) {
        // An event of the other side may still be in this batch: the pair's memory stays, a
        // benchmark has a few thousand of them.
        side->fd.Reset();
        side->other->fd.Reset();
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: hearth-floor PORT TARGET_PORT\n");
    return 2;
  }
  return Serve(std::atoi(argv[1]), std::atoi(argv[2]));
}
