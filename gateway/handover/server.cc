#include "gateway/handover/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::handover {
namespace {

constexpr Duration kHelloPatience = std::chrono::seconds(5);
// A successor loads its routes meanwhile, and may wait for a controller that restarts.
constexpr Duration kGoPatience = std::chrono::seconds(60);

// The file's permissions keep others out; where they were changed, this does.
bool MayTakeOver(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

Server::Server(UniqueFd listener, std::vector<PassedSocket> sockets,
               std::function<bool()> has_routes, std::function<void()> on_go,
               const log::Logger& logger)
    : listener_(std::move(listener)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      sockets_(std::move(sockets)),
      has_routes_(std::move(has_routes)),
      on_go_(std::move(on_go)),
      logger_(logger) {}

Server::~Server() { Stop(); }

void Server::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Server::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
  sockets_.clear();
  listener_.Reset();
}

void Server::Run() {
  for (;;) {
    pollfd fds[2] = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid() && Serve(connection.get())) return;
  }
}

bool Server::Serve(int connection) {
  const absl::Status offered = Offer(connection);
  const absl::StatusOr<Packet> answer =
      offered.ok() ? ReceivePacket(connection, kGoPatience, wake_.get()) : offered;
  if (!answer.ok() || answer->text != kGo) {
    const std::string why = answer.ok() ? Cat("it said \"", answer->text.substr(0, 80), "\"")
                                        : std::string(Message(answer.status()));
    logger_.Warn("nobody took over; this gateway goes on", {{"reason", why}});
    return false;
  }
  on_go_();
  sockets_.clear();
  listener_.Reset();
  // Where this is not heard the successor has died, and its own supervisor sees to that.
  SendPacket(connection, kLeaving).IgnoreError();
  return true;
}

absl::Status Server::Offer(int connection) {
  if (!MayTakeOver(connection)) return PermissionDenied("another user asked");
  ASSIGN_OR_RETURN(const Packet hello, ReceivePacket(connection, kHelloPatience, wake_.get()));
  if (hello.text != kHello) {
    const std::string_view ours = kHello;
    SendPacket(connection, Cat(kError, "this gateway speaks \"", ours, "\"")).IgnoreError();
    return InvalidArgument(Cat("it said \"", hello.text.substr(0, 80), "\""));
  }
  logger_.Info("a successor takes over", {{"sockets", sockets_.size()}});
  const bool has_routes = has_routes_();
  for (size_t from = 0; from < sockets_.size(); from += kMostDescriptors) {
    const size_t to = std::min(sockets_.size(), from + kMostDescriptors);
    SocketList list;
    list.has_routes = has_routes;
    std::vector<int> descriptors;
    for (size_t i = from; i < to; ++i) {
      list.lines.push_back({sockets_[i].role, sockets_[i].address});
      descriptors.push_back(sockets_[i].fd.get());
    }
    RETURN_IF_ERROR(SendPacket(connection, FormatSockets(list), descriptors));
  }
  return SendPacket(connection, kEnd);
}

}  // namespace hearth::handover
