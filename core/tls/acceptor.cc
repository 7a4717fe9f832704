#include "core/tls/acceptor.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/tls/server_stream.h"

namespace hearth::tls {
namespace {

constexpr Duration kLinger = std::chrono::seconds(1);  // for what may be on the way
constexpr size_t kMostLingered = 256 * 1024;  // read and thrown away after the answer in the clear

}  // namespace

// One connection on its way: silent, waiting for a place, shaking hands, or being told in the clear
// that this port speaks TLS.
class Acceptor::Pending final : public net::StreamHandler {
 public:
  enum class State : uint8_t { kSilent, kWaiting, kActive, kLingering };

  Pending(Acceptor& acceptor, std::unique_ptr<net::Stream> stream)
      : acceptor_(acceptor), raw(std::move(stream)), timer([this] { OnTimer(); }) {}
  ~Pending() override {
    if (raw != nullptr) raw->SetHandler(nullptr);
    if (tls != nullptr) tls->SetHandler(nullptr);
  }

  void OnReadable() override {
    if (state == State::kLingering) return Discard();
    acceptor_.OnReady(*this);
  }
  void OnWritable() override {
    if (state == State::kActive) acceptor_.OnReady(*this);
  }

  // Says `answer` and reads on for a moment, so that a reset does not overtake it.
  void Tell(std::unique_ptr<net::Stream> stream, std::string_view answer) {
    state = State::kLingering;
    tls.reset();
    raw = std::move(stream);
    net::WriteAllOf(*raw, answer);
    raw->ShutdownWrite();
    acceptor_.loop_.ArmAfter(timer, kLinger);
    raw->SetHandler(this);
    Discard();
  }

 private:
  void Discard() {
    std::array<char, 4096> bytes;
    for (;;) {
      const net::IoResult result = raw->Read(bytes);
      if (result.status == net::IoStatus::kWouldBlock) return;
      lingered_ += result.bytes;
      if (result.status != net::IoStatus::kOk || lingered_ > kMostLingered) {
        return acceptor_.Remove(*this);
      }
      if (result.bytes < bytes.size()) return;
    }
  }
  void OnTimer() {
    if (state == State::kLingering) return acceptor_.Remove(*this);
    acceptor_.Fail(*this, "timeout");  // and this is gone
  }

  Acceptor& acceptor_;
  size_t lingered_ = 0;

 public:  // The acceptor's books.
  State state = State::kSilent;
  bool in_ready = false;
  std::unique_ptr<net::Stream> raw;   // until the handshake begins, and while lingering
  std::unique_ptr<ServerStream> tls;  // while active
  MonotonicTime began{};              // active since
  net::Timer timer;
  std::list<std::unique_ptr<Pending>>::iterator self;
  Place place;  // in active_ or waiting_
};

Acceptor::Acceptor(net::Loop& loop, AcceptorOptions options, ContextSource context,
                   OnStream on_stream, OnReport on_report)
    : loop_(loop),
      options_(std::move(options)),
      context_(std::move(context)),
      on_stream_(std::move(on_stream)),
      on_report_(std::move(on_report)),
      crowd_([this] { DropCrowding(); }) {}

Acceptor::~Acceptor() { *self_ = nullptr; }

void Acceptor::Accept(std::unique_ptr<net::Stream> stream) {
  if (all_.size() >= options_.max_connections) {
    stream->Abort();
    on_report_({.reason = "too_many"});
    return;
  }
  all_.push_back(std::make_unique<Pending>(*this, std::move(stream)));
  Pending& pending = *all_.back();
  pending.self = std::prev(all_.end());
  loop_.ArmAfter(pending.timer, options_.timeout);
  pending.raw->SetHandler(&pending);
}

void Acceptor::Drain() {
  for (const auto& pending : all_) {
    if (pending->state == Pending::State::kSilent) loop_.ArmAfter(pending->timer, kLinger);
  }
}

void Acceptor::OnReady(Pending& pending) {
  if (pending.state == Pending::State::kSilent) {
    if (active_.size() >= options_.max_active) {
      pending.state = Pending::State::kWaiting;
      pending.place = waiting_.insert(waiting_.end(), &pending);
      return DropCrowding();
    }
    pending.state = Pending::State::kActive;
    pending.began = loop_.Now();
    pending.place = active_.insert(active_.end(), &pending);
  }
  if (pending.state != Pending::State::kActive || pending.in_ready) return;
  pending.in_ready = true;
  ready_.push_back(&pending);
  QueueRun();
}

// Steps come at the end of a turn, after the events of connections that stand already.
void Acceptor::QueueRun() {
  if (std::exchange(run_queued_, true)) return;
  loop_.Defer([self = self_] {
    if (*self != nullptr) (*self)->RunReady();
  });
}

void Acceptor::RunReady() {
  run_queued_ = false;
  for (int steps = 0; steps < options_.steps_a_turn && !ready_.empty();) {
    Pending* pending = ready_.front();
    ready_.pop_front();
    if (pending == nullptr) continue;
    pending->in_ready = false;
    ++steps;
    Step(*pending);
  }
  if (!ready_.empty()) QueueRun();
}

void Acceptor::Step(Pending& pending) {
  const bool begins = pending.tls == nullptr;
  if (begins) {
    pending.raw->SetHandler(nullptr);
    pending.tls = std::make_unique<ServerStream>(loop_, std::move(pending.raw), context_());
  }
  switch (pending.tls->Handshake()) {
    case ServerStream::Progress::kPending:
      // Only now: what is there already has been read, and needs no second look.
      if (begins) pending.tls->SetHandler(&pending);
      return;
    case ServerStream::Progress::kDone:
      pending.tls->SetHandler(nullptr);
      on_report_({.ok = true, .resumed = pending.tls->resumed(), .reason = {}});
      on_stream_(std::move(pending.tls));
      return Remove(pending);
    case ServerStream::Progress::kFailed:
      break;
  }
  const std::string_view reason = pending.tls->failure();
  if (reason != kPlainHttp || options_.plain_http_answer.empty()) return Fail(pending, reason);
  on_report_({.reason = reason});
  active_.erase(pending.place);
  pending.Tell(pending.tls->TakeBelow(), options_.plain_http_answer);
  FillPlaces();
}

void Acceptor::Fail(Pending& pending, std::string_view reason) {
  on_report_({.reason = reason});
  Remove(pending);
}

void Acceptor::Remove(Pending& pending) {
  using State = Pending::State;
  if (pending.in_ready) *std::find(ready_.begin(), ready_.end(), &pending) = nullptr;
  const bool was_active = pending.state == State::kActive;
  if (was_active) active_.erase(pending.place);
  if (pending.state == State::kWaiting) waiting_.erase(pending.place);
  // It may be the one whose event or timer is being handled; streams and timers allow that, and so
  // does whoever calls this, as long as it touches it no more.
  all_.erase(pending.self);
  if (was_active) FillPlaces();
  if (on_gone_) on_gone_();
}

void Acceptor::FillPlaces() {
  while (!waiting_.empty() && active_.size() < options_.max_active) {
    Pending& next = *waiting_.front();
    waiting_.pop_front();
    next.state = Pending::State::kSilent;
    OnReady(next);
  }
  if (waiting_.empty()) crowd_.Cancel();
}

// Those that take long make room for those that wait: a flood of connections that begin and then
// say nothing more keeps nobody out for longer than this.
void Acceptor::DropCrowding() {
  while (!waiting_.empty() && !active_.empty()) {
    Pending& oldest = *active_.front();
    const MonotonicTime until = oldest.began + options_.crowded_after;
    if (until > loop_.Now()) {
      if (!crowd_.armed()) loop_.Arm(crowd_, until);
      return;
    }
    Fail(oldest, "crowded_out");  // its place goes to the next that waits
  }
}

}  // namespace hearth::tls
