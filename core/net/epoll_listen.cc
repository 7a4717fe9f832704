#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/alive.h"
#include "core/net/epoll_loop.h"
#include "core/net/epoll_stream.h"
#include "core/net/socket.h"

namespace hearth::net {
namespace {

// Level-triggered: connections that are not taken in one turn show up in the next.
class EpollListener final : public Listener, public EpollLoop::Source {
 public:
  EpollListener(EpollLoop& loop, UniqueFd fd, Address address, Loop::AcceptCallback on_accept)
      : loop_(loop),
        fd_(std::move(fd)),
        address_(std::move(address)),
        on_accept_(std::move(on_accept)),
        retry_([this] {
          if (!paused_) Watch();
        }) {
    Watch();
  }
  ~EpollListener() override { Unwatch(); }

  Address address() const override { return address_; }
  int fd() const override { return fd_.get(); }
  void Pause() override {
    paused_ = true;
    Unwatch();
  }
  void Resume() override {
    paused_ = false;
    Watch();
  }

  void TakeWaiting() override {
    constexpr int kMost = 65536;  // more than any backlog holds
    for (int i = 0; i < kMost && AcceptOne(); ++i) {
    }
  }

  void OnEvents(uint32_t) override {
    const AliveCheck check(lifetime_);
    for (int i = 0; i < kBatch; ++i) {
      if (!AcceptOne() || !check.alive() || !watched_) return;
    }
  }

 private:
  // A turn takes so many, so that established connections are not starved by a flood of new ones.
  static constexpr int kBatch = 32;

  // False: there is nothing more to take. May destroy this.
  bool AcceptOne() {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    UniqueFd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) {
      const int error = errno;
      if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        // The connection stays in the backlog; asking again at once would only spin.
        Unwatch();
        loop_.ArmAfter(retry_, kRetry);
        return false;
      }
      return error == ECONNABORTED || error == EINTR;
    }
    if (peer.ss_family != AF_UNIX && address_.kind != Address::Kind::kUnix) {
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    on_accept_(std::make_unique<EpollStream>(loop_, std::move(fd), EpollStream::Kind::kSocket,
                                             PeerIpText(peer)));
    return true;
  }

  void Watch() {
    if (watched_) return;
    watched_ = loop_.Register(fd_.get(), EPOLLIN | EPOLLEXCLUSIVE, this);
  }
  void Unwatch() {
    if (watched_) loop_.Forget(fd_.get(), this);
    watched_ = false;
  }

  static constexpr Duration kRetry = std::chrono::milliseconds(50);

  EpollLoop& loop_;
  UniqueFd fd_;
  Address address_;
  Loop::AcceptCallback on_accept_;
  Timer retry_;
  bool watched_ = false;
  bool paused_ = false;
  Lifetime lifetime_;
};

// Holds the stream while it connects; hands it over, never from inside Connect.
class EpollConnect final : public PendingConnect {
 public:
  EpollConnect(EpollLoop& loop, Address address, Duration timeout, Loop::ConnectCallback on_done)
      : loop_(loop), address_(std::move(address)), on_done_(std::move(on_done)) {
    timeout_.SetCallback([this, timeout] {
      Finish(DeadlineExceeded(
          Cat("no connection to ", address_.Text(), " within ", FormatDuration(timeout))));
    });
    retry_.SetCallback([this] { Try(); });
    loop_.ArmAfter(timeout_, timeout);
    Try();
  }
  ~EpollConnect() override { *self_ = nullptr; }

 private:
  void Try() {
    bool finished = false;
    auto fd = StartConnect(address_, &finished);
    if (!fd.ok()) {
      // A Unix socket's backlog is full: the kernel does not queue us, so we ask again.
      if (absl::IsResourceExhausted(fd.status())) {
        loop_.ArmAfter(retry_, kRetry);
      } else {
        FinishLater(fd.status());
      }
      return;
    }
    stream_ = std::make_unique<EpollStream>(
        loop_, *std::move(fd), EpollStream::Kind::kSocket,
        address_.kind == Address::Kind::kTcp ? address_.host : std::string());
    if (finished) {
      FinishLater(absl::OkStatus());
    } else {
      stream_->Connecting([this](int error) {
        Finish(error == 0 ? absl::OkStatus()
                          : Unavailable(Cat("cannot connect to ", address_.Text(), ": ",
                                            ErrnoText(error))));
      });
    }
  }

  void FinishLater(absl::Status status) {
    loop_.Defer([self = self_, status] {
      if (*self != nullptr) (*self)->Finish(status);
    });
  }

  void Finish(const absl::Status& status) {
    timeout_.Cancel();
    retry_.Cancel();
    const auto on_done = std::exchange(on_done_, nullptr);
    if (!on_done) return;
    std::unique_ptr<Stream> stream = std::move(stream_);
    // From here on this object may be gone.
    if (status.ok()) {
      on_done(std::move(stream));
    } else if (stream != nullptr) {
      // The stream may be the one whose event is being handled: it goes at the end of the turn.
      loop_.Defer([dead = std::shared_ptr<Stream>(std::move(stream))] {});
      on_done(status);
    } else {
      on_done(status);
    }
  }

  static constexpr Duration kRetry = std::chrono::milliseconds(2);

  EpollLoop& loop_;
  Address address_;
  Loop::ConnectCallback on_done_;
  std::unique_ptr<EpollStream> stream_;
  Timer timeout_;
  Timer retry_;
  std::shared_ptr<EpollConnect*> self_ = std::make_shared<EpollConnect*>(this);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> EpollLoop::Listen(const Address& address,
                                                            const ListenOptions& options,
                                                            AcceptCallback on_accept) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenListener(address, options));
  ASSIGN_OR_RETURN(Address local, LocalAddress(fd.get()));
  return std::make_unique<EpollListener>(*this, std::move(fd), std::move(local),
                                         std::move(on_accept));
}

std::unique_ptr<PendingConnect> EpollLoop::Connect(const Address& address, Duration timeout,
                                                   ConnectCallback on_done) {
  return std::make_unique<EpollConnect>(*this, address, timeout, std::move(on_done));
}

std::unique_ptr<Stream> EpollLoop::Adopt(int fd) {
  UniqueFd owned(fd);
  [[maybe_unused]] const absl::Status status = SetNonBlocking(fd);
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  struct stat st {};
  const bool is_socket = ::fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
  if (is_socket) ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size);
  return std::make_unique<EpollStream>(
      *this, std::move(owned), is_socket ? EpollStream::Kind::kSocket : EpollStream::Kind::kPipe,
      PeerIpText(peer));
}

}  // namespace hearth::net
