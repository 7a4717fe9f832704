#include "core/net/epoll_stream.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hearth::net {
namespace {

constexpr uint32_t kReadable = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr uint32_t kWritable = EPOLLOUT | EPOLLHUP | EPOLLERR;
constexpr uint32_t kHungUp = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// writev that reports EPIPE instead of raising SIGPIPE: a pipe has no MSG_NOSIGNAL, and ignoring
// the signal for the whole process would be inherited by every function it starts.
ssize_t WritePipe(int fd, std::span<const iovec> pieces) {
  sigset_t pipe_signal;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t n = ::writev(fd, pieces.data(), static_cast<int>(pieces.size()));
  const int error = errno;
  if (n < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec none{};
    sigtimedwait(&pipe_signal, nullptr, &none);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return n;
}

// Up to this size pieces are put together first: the copy costs less than a list of pieces costs
// the kernel.
constexpr size_t kWorthJoining = 2048;

ssize_t WriteSocket(int fd, std::span<const iovec> pieces, size_t total) {
  if (pieces.size() == 1) return ::send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  if (total <= kWorthJoining) {
    char joined[kWorthJoining];
    char* end = joined;
    for (const iovec& piece : pieces) {
      std::memcpy(end, piece.iov_base, piece.iov_len);
      end += piece.iov_len;
    }
    return ::send(fd, joined, total, MSG_NOSIGNAL);
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

EpollStream::EpollStream(EpollLoop& loop, UniqueFd fd, Kind kind, std::string peer_ip)
    : loop_(loop), fd_(std::move(fd)), kind_(kind), peer_ip_(std::move(peer_ip)) {
  if (!loop_.Register(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this)) {
    readable_missed_ = true;  // the kernel cannot watch it (a file): it is always ready
  }
}

EpollStream::~EpollStream() {
  if (self_) *self_ = nullptr;
  Close();
}

void EpollStream::Close() {
  if (!fd_.valid()) return;
  loop_.Forget(fd_.get(), this);
  fd_.Reset();
}

void EpollStream::SetHandler(StreamHandler* handler) {
  handler_ = handler;
  if (handler_ != nullptr && (readable_missed_ || writable_missed_)) NotifyLater();
}

// Runs the handler at the end of this turn, never from inside the caller.
void EpollStream::NotifyLater() {
  if (notify_queued_) return;
  notify_queued_ = true;
  if (!self_) self_ = std::make_shared<EpollStream*>(this);
  loop_.Defer([self = self_] {
    EpollStream* stream = *self;
    if (stream == nullptr) return;
    stream->notify_queued_ = false;
    const uint32_t events = (stream->readable_missed_ ? uint32_t{EPOLLIN} : 0) |
                            (stream->writable_missed_ ? uint32_t{EPOLLOUT} : 0);
    stream->readable_missed_ = stream->writable_missed_ = false;
    stream->Notify(events);
  });
}

void EpollStream::OnEvents(uint32_t events) {
  if ((events & kHungUp) != 0) hung_up_ = true;
  if (on_connected_) {
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0 && (events & EPOLLERR) != 0) error = ECONNREFUSED;
    // Data may have come with the handshake's end, and this was its edge.
    if (error == 0 && (events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_missed_ = true;
    const auto on_connected = std::exchange(on_connected_, nullptr);
    on_connected(error);
    return;
  }
  Notify(events);
}

void EpollStream::Notify(uint32_t events) {
  const AliveCheck check(lifetime_);
  if ((events & kReadable) != 0) {
    if (handler_ != nullptr) {
      handler_->OnReadable();
    } else {
      readable_missed_ = true;
    }
  }
  if (!check.alive() || (events & kWritable) == 0 || !want_write_) return;
  if (handler_ != nullptr) {
    want_write_ = false;
    handler_->OnWritable();
  } else {
    writable_missed_ = true;
  }
}

IoResult EpollStream::Failed(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return {IoStatus::kWouldBlock, 0};
  return {IoStatus::kReset, 0};
}

IoResult EpollStream::Read(std::span<char> buffer) {
  if (!fd_.valid()) return {IoStatus::kReset, 0};
  if (buffer.empty()) return {IoStatus::kOk, 0};
  for (;;) {
    const ssize_t n = kind_ == Kind::kSocket ? ::recv(fd_.get(), buffer.data(), buffer.size(), 0)
                                             : ::read(fd_.get(), buffer.data(), buffer.size());
    if (n > 0) {
      const auto bytes = static_cast<size_t>(n);
      // A short read tells the owner to wait for the next edge. Where the end came with the data
      // there is none, so it is made here.
      if (bytes < buffer.size() && hung_up_) {
        readable_missed_ = true;
        NotifyLater();
      }
      return {IoStatus::kOk, bytes};
    }
    if (n == 0) return {IoStatus::kEof, 0};
    if (errno != EINTR) return Failed(errno);
  }
}

IoResult EpollStream::Write(std::span<const iovec> pieces) {
  if (!fd_.valid()) return {IoStatus::kReset, 0};
  constexpr size_t kMaxPieces = 1024;  // IOV_MAX
  const bool cut = pieces.size() > kMaxPieces;
  if (cut) pieces = pieces.first(kMaxPieces);
  size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  if (wanted == 0) return {IoStatus::kOk, 0};
  for (;;) {
    const ssize_t n = kind_ == Kind::kSocket ? WriteSocket(fd_.get(), pieces, wanted)
                                             : WritePipe(fd_.get(), pieces);
    if (n >= 0) {
      if (static_cast<size_t>(n) < wanted) {
        want_write_ = true;
      } else if (cut) {  // short for the owner, but there is room: no edge will come
        want_write_ = writable_missed_ = true;
        NotifyLater();
      }
      return {IoStatus::kOk, static_cast<size_t>(n)};
    }
    if (errno == EINTR) continue;
    const IoResult result = Failed(errno);
    if (result.status == IoStatus::kWouldBlock) want_write_ = true;
    return result;
  }
}

void EpollStream::ShutdownWrite() {
  if (!fd_.valid()) return;
  if (kind_ == Kind::kSocket) {
    ::shutdown(fd_.get(), SHUT_WR);
  } else {
    Close();  // a pipe has one direction
  }
}

void EpollStream::Abort() {
  if (!fd_.valid()) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  if (kind_ == Kind::kSocket) ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  Close();
}

}  // namespace hearth::net
