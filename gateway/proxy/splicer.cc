#include "gateway/proxy/splicer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace hearth::proxy {
namespace {

constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
constexpr int kPipeSize = 1024 * 1024;
constexpr uint64_t kStep = 256 * 1024;

}  // namespace

bool Splicer::Open() {
  if (read_end_.valid()) return true;
  if (unsupported_) return false;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  read_end_.Reset(ends[0]);
  write_end_.Reset(ends[1]);
  // Each fragment of the network takes a place in the pipe: few places mean small steps. Where the
  // user's allowance for pipes is used up the default size stays.
  [[maybe_unused]] const int size = ::fcntl(ends[1], F_SETPIPE_SZ, kPipeSize);
  // Unlike send, splice has no flag against this signal.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
  return true;
}

Splicer::Result Splicer::Step(net::Stream& from, net::Stream& to, Outbox& out, uint64_t limit) {
  if (!CanMove(from, to) || out.pending() != 0 || !Open()) return {End::kUnsupported};
  ssize_t in = 0;
  do {
    in = ::splice(from.fd(), nullptr, write_end_.get(), nullptr, std::min(limit, kStep), kFlags);
  } while (in < 0 && errno == EINTR);
  if (in == 0) return {End::kEof};
  if (in < 0) {
    if (errno == EAGAIN) return {End::kNoSource};
    if (errno != EINVAL && errno != ENOSYS) return {End::kSourceDead};
    unsupported_ = true;
    return {End::kUnsupported};
  }
  auto left = static_cast<uint64_t>(in);
  while (left > 0) {
    const ssize_t n = ::splice(read_end_.get(), nullptr, to.fd(), nullptr, left, kFlags);
    if (n > 0) {
      left -= static_cast<uint64_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (!DrainInto(to, out, left)) return {End::kTargetDead, static_cast<uint64_t>(in)};
    break;
  }
  return {End::kMoved, static_cast<uint64_t>(in)};
}

// The target is full (or dead, which its own write finds out): the rest waits in its Outbox, whose
// write also asks for the edge that tells when it goes on.
bool Splicer::DrainInto(net::Stream& to, Outbox& out, uint64_t left) {
  char buffer[64 * 1024];
  bool alive = true;
  while (left > 0) {
    const ssize_t n = ::read(read_end_.get(), buffer, std::min<uint64_t>(left, sizeof buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    left -= static_cast<uint64_t>(n);
    const iovec piece{buffer, static_cast<size_t>(n)};
    if (alive && !out.Send(to, {&piece, 1})) alive = false;
  }
  if (left == 0) return alive;
  read_end_.Reset();  // never to mix two bodies
  write_end_.Reset();
  return false;
}

}  // namespace hearth::proxy
