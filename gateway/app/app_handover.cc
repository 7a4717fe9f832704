// How one gateway follows another on the same sockets, and how it leaves.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <future>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/socket.h"
#include "gateway/app/app.h"

namespace hearth::gateway {
namespace {

// A controller that restarts at the same time is back within that.
constexpr Duration kRoutesPatience = std::chrono::seconds(10);
// After SIGTERM clients are told to go elsewhere by whoever sent it, and need not be waited for
// long.
constexpr Duration kIdleAtEnd = std::chrono::seconds(1);

// Functions run as other users; what they may reach at a Unix socket is open to them anyway.
constexpr unsigned kSocketMode = 0666;

// The data path's sockets share their port among the loops, which the kernel would grant a second
// gateway of the same user as well.
absl::Status CheckFree(const net::Address& address) {
  if (address.kind != net::Address::Kind::kTcp || address.port == 0) return absl::OkStatus();
  return net::OpenListener(address, {}).status();
}

absl::StatusOr<std::vector<handover::PassedSocket>> Copies(const std::string& role,
                                                           const net::Address& wanted,
                                                           const std::vector<int>& descriptors) {
  std::vector<handover::PassedSocket> copies;
  for (const int fd : descriptors) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) return ResourceExhausted(net::ErrnoText(errno));
    copies.push_back({role, wanted.Text(), std::move(copy)});
  }
  return copies;
}

}  // namespace

absl::Status App::BeginTakeOver() {
  if (options_.handover_socket.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(take_over_, handover::TakeOver::Begin(options_.handover_socket));
  if (take_over_ != nullptr) logger_.Info("taking over", {{"from", options_.handover_socket}});
  return absl::OkStatus();
}

absl::StatusOr<net::Address> App::Open(const std::string& role, const net::Address& wanted,
                                       proxy::ListenerKind kind) {
  std::vector<UniqueFd> inherited;
  if (take_over_ != nullptr) inherited = take_over_->Take(role, wanted.Text());
  absl::StatusOr<net::Address> bound = net::Address();
  if (!inherited.empty()) {
    bound = data_path_->TakeOver(std::move(inherited), kind);
  } else {
    RETURN_IF_ERROR(CheckFree(wanted));
    bound = data_path_->Listen(wanted, kind, kSocketMode);
  }
  if (!bound.ok()) return bound;
  ASSIGN_OR_RETURN(auto copies, Copies(role, wanted, data_path_->Descriptors(*bound)));
  for (auto& copy : copies) sockets_.push_back(std::move(copy));
  return bound;
}

absl::Status App::ListenAdmin() {
  ASSIGN_OR_RETURN(const net::Address wanted, net::Address::Parse(options_.admin_listen));
  net::Address address = wanted;
  if (take_over_ != nullptr) {
    std::vector<UniqueFd> inherited = take_over_->Take("admin", wanted.Text());
    if (!inherited.empty()) {
      address.kind = net::Address::Kind::kInheritedFd;
      address.fd = inherited[0].Release();
    }
  }
  if (absl::Status status = admin_->Listen(address); !status.ok()) {
    return absl::Status(status.code(), A(Cat(Message(status), " (--admin-listen)")));
  }
  admin_address_ = admin_->address();
  ASSIGN_OR_RETURN(auto copies, Copies("admin", wanted, admin_->Descriptors()));
  for (auto& copy : copies) sockets_.push_back(std::move(copy));
  return absl::OkStatus();
}

absl::Status App::FinishTakeOver() {
  RETURN_IF_ERROR(WaitForRoutes());
  data_path_->Open();
  took_over_ = true;
  if (const absl::Status status = take_over_->Go(); !status.ok()) {
    logger_.Warn("the predecessor has ended on its own", {{"reason", Message(status)}});
  }
  return absl::OkStatus();
}

// Fresh ones: a replica that the cache names may be gone, and the predecessor knows better.
absl::Status App::WaitForRoutes() {
  const MonotonicTime deadline = clock_.Now() + kRoutesPatience;
  for (;;) {
    const fleet::FleetStatus status = fleet_->status();
    const bool fresh = status.has_routes && !status.from_cache;
    if (fresh || (status.has_routes && options_.controllers.empty())) return absl::OkStatus();
    if (clock_.Now() >= deadline || options_.controllers.empty()) {
      if (status.has_routes) {
        logger_.Warn("no controller is reached; taking over with the routes on disk");
        return absl::OkStatus();
      }
      if (!take_over_->predecessor_has_routes()) return absl::OkStatus();
      return Unavailable(
          "no routes: neither a controller (--controller) nor the route cache (--route-cache) has "
          "any; the gateway that runs goes on");
    }
    // In steps, because what is waited for is decided under another lock.
    std::unique_lock lock(table_mutex_);
    table_changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
}

absl::Status App::OfferHandover() {
  if (options_.handover_socket.empty()) return absl::OkStatus();
  std::vector<UniqueFd> inherited;
  if (take_over_ != nullptr) inherited = take_over_->Take("handover", options_.handover_socket);
  take_over_.reset();
  UniqueFd listener;
  if (!inherited.empty()) {
    listener = std::move(inherited[0]);
  } else {
    auto opened = handover::OpenHandoverSocket(options_.handover_socket);
    if (!opened.ok()) {
      return absl::Status(opened.status().code(),
                          A(Cat(Message(opened.status()), " (--handover-socket)")));
    }
    listener = *std::move(opened);
  }
  UniqueFd copy(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return ResourceExhausted(net::ErrnoText(errno));
  sockets_.push_back({"handover", options_.handover_socket, std::move(copy)});
  handover_ = std::make_unique<handover::Server>(
      std::move(listener), std::move(sockets_), [this] { return fleet_->status().has_routes; },
      [this] {
        StopAccepting();
        if (on_handed_over_) on_handed_over_();
      },
      logger_.For("handover"));
  handover_->Start();
  return absl::OkStatus();
}

// On the handover's thread, which tells the successor afterwards.
void App::StopAccepting() {
  draining_.store(true);
  std::promise<void> stopped;
  data_path_->StopAccepting(/*has_successor=*/true, [&stopped] { stopped.set_value(); });
  stopped.get_future().wait();
  admin_loop_->Post([this] {
    if (admin_ != nullptr) admin_->StopAccepting();
  });
}

void App::Leave() {
  logger_.Info("a successor serves; finishing what is under way",
               {{"exchanges", data_path_->exchanges()}, {"at_most", options_.handover_timeout}});
  Drain({options_.handover_timeout, options_.drain_timeout});
}

void App::BeginDrain() {
  draining_.store(true);
  if (handover_ != nullptr) handover_->Stop();
  logger_.Info("draining",
               {{"exchanges", data_path_->exchanges()}, {"at_most", options_.drain_timeout}});
  Drain({options_.drain_timeout, std::min(options_.drain_timeout, kIdleAtEnd)});
}

void App::Drain(const proxy::DrainTimes& times) {
  data_path_->Drain(times, [this] { drained_.store(true, std::memory_order_release); });
}

}  // namespace hearth::gateway
