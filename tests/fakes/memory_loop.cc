#include "tests/fakes/memory_loop.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/strings.h"
#include "core/net/alive.h"

namespace hearth::fakes {

using net::IoResult;
using net::IoStatus;

// One direction of a connection.
struct MemoryPipe {
  explicit MemoryPipe(size_t limit) : capacity(limit) {}
  std::string bytes;
  size_t capacity;
  bool ended = false;  // no more bytes will come
  bool reset = false;
};

// One end of a connection. Edges are queued in the loop and reported in its next turn, as epoll
// does, and with the same rules: readable on every arrival, writable only after a short write.
class MemoryStream final : public net::Stream {
 public:
  MemoryStream(MemoryLoop& loop, std::shared_ptr<MemoryPipe> in, std::shared_ptr<MemoryPipe> out,
               std::string peer_ip)
      : loop_(loop), in_(std::move(in)), out_(std::move(out)), peer_ip_(std::move(peer_ip)) {
    ++loop_.open_streams_;
  }
  ~MemoryStream() override {
    Close(/*reset=*/!in_->bytes.empty());  // unread data makes the kernel send a reset
    std::replace(loop_.ready_.begin(), loop_.ready_.end(), this,
                 static_cast<MemoryStream*>(nullptr));
    if (peer_ != nullptr) peer_->peer_ = nullptr;
  }

  void Join(MemoryStream* peer) { peer_ = peer; }

  void SetHandler(net::StreamHandler* handler) override {
    handler_ = handler;
    if (handler_ != nullptr && (readable_ || writable_)) loop_.Schedule(this);
  }

  IoResult Read(std::span<char> buffer) override {
    if (closed_) return {IoStatus::kReset, 0};
    if (buffer.empty()) return {IoStatus::kOk, 0};
    if (in_->bytes.empty()) {  // what had arrived before a reset can still be read, as on Linux
      if (in_->reset) return {IoStatus::kReset, 0};
      return {in_->ended ? IoStatus::kEof : IoStatus::kWouldBlock, 0};
    }
    const size_t n = std::min(buffer.size(), in_->bytes.size());
    std::memcpy(buffer.data(), in_->bytes.data(), n);
    in_->bytes.erase(0, n);
    if (peer_ != nullptr && peer_->want_write_) peer_->MarkWritable();
    if (n < buffer.size() && in_->ended) MarkReadable();  // the end is still to be read
    return {IoStatus::kOk, n};
  }

  IoResult Write(std::span<const iovec> pieces) override {
    if (closed_ || out_->reset || out_->ended || peer_ == nullptr) return {IoStatus::kReset, 0};
    size_t written = 0;
    size_t wanted = 0;
    for (const iovec& piece : pieces) {
      wanted += piece.iov_len;
      const size_t room = out_->capacity - std::min(out_->capacity, out_->bytes.size());
      const size_t n = std::min(room, piece.iov_len);
      out_->bytes.append(static_cast<const char*>(piece.iov_base), n);
      written += n;
    }
    if (written < wanted) want_write_ = true;
    if (written > 0) peer_->MarkReadable();
    return {written == 0 && wanted > 0 ? IoStatus::kWouldBlock : IoStatus::kOk, written};
  }

  void ShutdownWrite() override {
    if (closed_ || out_->ended) return;
    out_->ended = true;
    if (peer_ != nullptr) peer_->MarkReadable();
  }

  void Abort() override { Close(/*reset=*/true); }
  std::string_view peer_ip() const override { return peer_ip_; }

  void MarkReadable() {
    readable_ = true;
    loop_.Schedule(this);
  }
  void MarkWritable() {
    writable_ = true;
    loop_.Schedule(this);
  }

  void Report() {
    queued_ = false;
    if (handler_ == nullptr || closed_) return;  // kept until there is one
    const net::AliveCheck check(lifetime_);
    if (std::exchange(readable_, false)) handler_->OnReadable();
    if (!check.alive() || closed_ || handler_ == nullptr || !std::exchange(writable_, false))
      return;
    if (std::exchange(want_write_, false)) handler_->OnWritable();
  }

 private:
  friend class MemoryLoop;

  void Close(bool reset) {
    if (closed_) return;
    closed_ = true;
    --loop_.open_streams_;
    out_->ended = true;
    if (reset) out_->reset = true;
    if (peer_ == nullptr) return;
    in_->reset = true;  // what the peer writes from now on comes back as a reset
    peer_->MarkReadable();
    if (peer_->want_write_) peer_->MarkWritable();
  }

  MemoryLoop& loop_;
  std::shared_ptr<MemoryPipe> in_;
  std::shared_ptr<MemoryPipe> out_;
  MemoryStream* peer_ = nullptr;
  net::StreamHandler* handler_ = nullptr;
  bool readable_ = false;
  bool writable_ = false;
  bool want_write_ = false;
  bool queued_ = false;
  bool closed_ = false;
  net::Lifetime lifetime_;
  std::string peer_ip_;
};

class MemoryListener final : public net::Listener {
 public:
  MemoryListener(MemoryLoop& loop, net::Address address, net::Loop::AcceptCallback on_accept)
      : loop_(loop), address_(std::move(address)), on_accept_(std::move(on_accept)) {
    loop_.listeners_[address_.Text()] = this;
  }
  ~MemoryListener() override {
    loop_.listeners_.erase(address_.Text());
    loop_.Defer([on_accept = std::move(on_accept_)] {});  // it may be what runs right now
  }

  net::Address address() const override { return address_; }
  void Pause() override { paused_ = true; }
  void Resume() override {
    paused_ = false;
    AcceptLater();
  }

  void Offer(std::unique_ptr<net::Stream> stream) {
    backlog_.push_back(std::move(stream));
    AcceptLater();
  }

 private:
  void AcceptLater() {
    loop_.Defer([this, self = std::weak_ptr<int>(alive_)] {
      while (!self.expired() && !paused_ && !backlog_.empty()) {
        std::unique_ptr<net::Stream> stream = std::move(backlog_.front());
        backlog_.pop_front();
        on_accept_(std::move(stream));
      }
    });
  }

  MemoryLoop& loop_;
  net::Address address_;
  net::Loop::AcceptCallback on_accept_;
  bool paused_ = false;
  std::deque<std::unique_ptr<net::Stream>> backlog_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

class MemoryLoop::MemoryConnect final : public net::PendingConnect {
 public:
  MemoryConnect(MemoryLoop& loop, net::Address address, Duration timeout, ConnectCallback on_done)
      : loop_(loop), address_(std::move(address)), on_done_(std::move(on_done)) {
    const std::string text = address_.Text();
    ++loop_.connects_[text];
    if (loop_.blackholes_.contains(text)) {
      timeout_.SetCallback([this, timeout] {
        Finish(DeadlineExceeded(
            Cat("no connection to ", address_.Text(), " within ", FormatDuration(timeout))));
      });
      loop_.ArmAfter(timeout_, timeout);
      return;
    }
    loop_.Defer([this, self = std::weak_ptr<int>(alive_)] {
      if (!self.expired()) Complete();
    });
  }

 private:
  void Complete() {
    const auto found = loop_.listeners_.find(address_.Text());
    if (found == loop_.listeners_.end()) {
      Finish(Unavailable(Cat("cannot connect to ", address_.Text(), ": Connection refused")));
      return;
    }
    auto [ours, theirs] = loop_.Pipe();
    found->second->Offer(std::move(theirs));
    Finish(std::move(ours));
  }
  void Finish(absl::StatusOr<std::unique_ptr<net::Stream>> result) {
    const auto on_done = std::exchange(on_done_, nullptr);
    on_done(std::move(result));
  }

  MemoryLoop& loop_;
  net::Address address_;
  ConnectCallback on_done_;
  net::Timer timeout_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

MemoryLoop::MemoryLoop(FakeClock& clock) : clock_(clock), timers_(clock.Now()) {}

MemoryLoop::~MemoryLoop() {
  for (;;) {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(posted_mutex_);
      tasks.swap(posted_);
    }
    if (tasks.empty()) tasks.swap(deferred_);
    if (tasks.empty()) return;
  }
}

std::pair<std::unique_ptr<net::Stream>, std::unique_ptr<net::Stream>> MemoryLoop::Pipe() {
  auto forward = std::make_shared<MemoryPipe>(pipe_capacity_);
  auto back = std::make_shared<MemoryPipe>(pipe_capacity_);
  auto a = std::make_unique<MemoryStream>(*this, back, forward, peer_ip_);
  auto b = std::make_unique<MemoryStream>(*this, forward, back, peer_ip_);
  a->Join(b.get());
  b->Join(a.get());
  return {std::move(a), std::move(b)};
}

absl::StatusOr<std::unique_ptr<net::Listener>> MemoryLoop::Listen(const net::Address& address,
                                                                  const net::ListenOptions&,
                                                                  AcceptCallback on_accept) {
  net::Address local = address;
  if (local.kind == net::Address::Kind::kTcp && local.port == 0) local.port = next_port_++;
  const std::string text = local.Text();
  if (occupied_.contains(text) || listeners_.contains(text)) {
    return AlreadyExists(Cat("cannot listen on ", text, ": Address already in use"));
  }
  return std::make_unique<MemoryListener>(*this, std::move(local), std::move(on_accept));
}

std::unique_ptr<net::PendingConnect> MemoryLoop::Connect(const net::Address& address,
                                                         Duration timeout,
                                                         ConnectCallback on_done) {
  return std::make_unique<MemoryConnect>(*this, address, timeout, std::move(on_done));
}

std::unique_ptr<net::Stream> MemoryLoop::Adopt(int) { std::abort(); }

void MemoryLoop::Arm(net::Timer& timer, MonotonicTime deadline) {
  timer.Cancel();
  Mark(timer, this, deadline);
  timers_.Insert(timer);
}

void MemoryLoop::Disarm(net::Timer& timer) {
  timers_.Remove(timer);
  Mark(timer, nullptr, {});
}

void MemoryLoop::Post(std::function<void()> task) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(task));
}

void MemoryLoop::Schedule(MemoryStream* stream) {
  if (std::exchange(stream->queued_, true)) return;
  ready_.push_back(stream);
}

bool MemoryLoop::Turn() {
  bool worked = false;
  for (size_t n = ready_.size(); n > 0; --n) {
    MemoryStream* stream = ready_.front();
    ready_.pop_front();
    worked = true;
    if (stream != nullptr) stream->Report();
  }
  const auto wakeup = timers_.NextWakeup();
  if (wakeup && *wakeup <= Now()) {
    worked = true;
    timers_.Advance(Now());
  }
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  std::vector<std::function<void()>> deferred;
  for (auto& task : tasks) task();
  deferred.swap(deferred_);
  for (auto& task : deferred) task();
  return worked || !tasks.empty() || !deferred.empty();
}

void MemoryLoop::RunUntilIdle() {
  // A loop that never comes to rest is a bug of the code under test; the bound names it.
  constexpr int kTurns = 10'000'000;
  for (int i = 0; i < kTurns; ++i) {
    if (!Turn()) return;
  }
  std::abort();
}

void MemoryLoop::Advance(Duration d) {
  const MonotonicTime end = Now() + d;
  RunUntilIdle();
  for (auto next = timers_.NextWakeup(); next && *next <= end; next = timers_.NextWakeup()) {
    if (*next > Now()) clock_.Advance(*next - Now());
    timers_.Advance(Now());
    RunUntilIdle();
  }
  if (end > Now()) clock_.Advance(end - Now());
  RunUntilIdle();
}

void MemoryLoop::Run() {
  while (!stop_.exchange(false)) {
    if (Turn()) continue;
    const auto next = timers_.NextWakeup();
    if (!next) return;
    if (*next > Now()) clock_.Advance(*next - Now());
    timers_.Advance(Now());
  }
}

int MemoryLoop::connects(std::string_view address) const {
  const auto found = connects_.find(std::string(address));
  return found == connects_.end() ? 0 : found->second;
}

}  // namespace hearth::fakes
