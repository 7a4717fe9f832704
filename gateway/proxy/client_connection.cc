#include "gateway/proxy/client_connection.h"

#include <algorithm>
#include <utility>

#include "gateway/proxy/http2_connection.h"
#include "gateway/proxy/platform_error.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

constexpr int kRoundsATurn = 16;                    // reads before other connections get their turn
constexpr size_t kFirstRead = 64 * 1024;            // of a request: its head and what follows it
constexpr size_t kEarlyBytes = 64 * 1024;           // pipelined ones, kept while another is served
constexpr size_t kMostLingered = 16 * 1024 * 1024;  // read and thrown away after an early answer

}  // namespace

ClientConnection::ClientConnection(Worker& worker, std::unique_ptr<net::Stream> stream,
                                   ListenerKind kind, bool is_stream)
    : worker_(worker),
      kind_(kind),
      is_stream_(is_stream),
      encrypted_(stream->encrypted()),
      stream_(std::move(stream)),
      in_(&worker.loop().buffers()),
      out_(&worker.loop().buffers()),
      parser_(worker.options().limits),
      exchange_(worker, *this),
      timer_([this] { OnTimer(); }),
      go_on_([this] { OnReadable(); }) {}

ClientConnection::~ClientConnection() {
  if (stream_ != nullptr) stream_->SetHandler(nullptr);
}

void ClientConnection::Begin() {
  idle_deadline_ = worker_.loop().Now() + worker_.options().header_timeout;
  EnsureTimer(idle_deadline_);
  stream_->SetHandler(this);
}

// ---- Reading ----

bool ClientConnection::WantsBytes() const {
  if (state_ == State::kLingering) return true;
  if (state_ != State::kOpen) return false;
  if (!exchange_.active()) return out_.pending() < worker_.options().high_watermark;
  if (exchange_.AcceptsClientBytes()) return true;
  // The request is complete: what comes now is the next one, or the end.
  return exchange_.request_complete() && in_.size() < kEarlyBytes;
}

size_t ClientConnection::ReadLimit() const {
  if (exchange_.active() && exchange_.streaming()) return SIZE_MAX;
  return kFirstRead;
}

void ClientConnection::OnReadable() {
  if (eof_ && state_ == State::kOpen && exchange_.active()) {
    exchange_.OnClientHangup();
    return;
  }
  for (int rounds = 0; state_ != State::kClosed; ++rounds) {
    if (!WantsBytes()) {
      read_blocked_ = true;
      return;
    }
    if (rounds == kRoundsATurn) return worker_.loop().Arm(go_on_, worker_.loop().Now());
    if (MustWaitItsTurn()) return;
    if (exchange_.active() && in_.empty()) {
      const Exchange::Moved moved = exchange_.SpliceBody(*stream_);
      if (moved == Exchange::Moved::kBlocked) read_blocked_ = true;
      if (moved == Exchange::Moved::kWait || moved == Exchange::Moved::kBlocked) return;
      if (moved == Exchange::Moved::kSome) continue;
    }
    const bool direct = in_.empty();
    std::span<char> room = direct ? worker_.scratch() : in_.Prepare(4096);
    room = room.first(std::min(room.size(), ReadLimit()));
    const net::IoResult result = stream_->Read(room);
    if (result.status == net::IoStatus::kWouldBlock) return;
    if (result.status == net::IoStatus::kEof) return OnEof();
    if (result.status == net::IoStatus::kReset) return OnReset();
    if (direct) {
      const std::string_view bytes(room.data(), result.bytes);
      const size_t used = Process(bytes);
      if (state_ == State::kClosed) return;
      if (used < bytes.size()) in_.append(bytes.substr(used));
      EndBatch();
    } else {
      in_.Commit(result.bytes);
      ProcessBuffered();
    }
    if (result.bytes < room.size()) return;
  }
}

void ClientConnection::ProcessBuffered() {
  if (in_.empty() || state_ == State::kClosed) return;
  const size_t used = Process(in_.view());
  if (state_ != State::kOpen) return in_.Clear();
  in_.Consume(used);
  in_.ReleaseIfEmpty();
  EndBatch();
}

// Only once `in_` holds what is left: the exchange may ask for more at once, and would be given
// what it has had already.
void ClientConnection::EndBatch() {
  if (state_ == State::kOpen && exchange_.active()) exchange_.OnBatchEnd();
}

size_t ClientConnection::Process(std::string_view bytes) {
  if (state_ == State::kLingering) {
    lingered_ += bytes.size();
    if (lingered_ > kMostLingered) Close();
    return bytes.size();
  }
  processing_ = true;
  size_t used = 0;
  while (state_ == State::kOpen && used < bytes.size()) {
    const std::string_view rest = bytes.substr(used);
    size_t taken = 0;
    if (exchange_.active()) {
      if (!exchange_.AcceptsClientBytes()) break;
      taken = exchange_.OnClientBytes(rest);
    } else {
      if (out_.pending() >= worker_.options().high_watermark) break;
      if (used != 0 && MustWaitItsTurn()) break;
      if (!ProcessHead(rest, &taken)) break;
    }
    if (taken == 0) break;
    used += taken;
  }
  processing_ = false;
  return state_ == State::kOpen ? used : bytes.size();
}

bool ClientConnection::ProcessHead(std::string_view bytes, size_t* used) {
  http::RequestHead& head = worker_.request_scratch();
  switch (parser_.ParseRequest(bytes, &head)) {
    case http::ParseState::kNeedMore:
      if (!head_begun_) {
        head_begun_ = true;
        idle_deadline_ = worker_.loop().Now() + worker_.options().header_timeout;
        EnsureTimer(idle_deadline_);
      }
      return false;
    case http::ParseState::kError: {
      const http::ParseError error = parser_.error();
      if (error == http::ParseError::kBadVersion && !exchange_.used() && !is_stream_ &&
          IsHttp2Preface(bytes)) {
        BecomeHttp2(bytes);
        return false;
      }
      Reject(http::StatusFor(error), http::NameOf(error), "this is not acceptable as HTTP/1.1");
      return false;
    }
    case http::ParseState::kDone:
      break;
  }
  head_begun_ = false;
  parser_.Reset();
  *used = head.size;
  exchange_.Start(head);
  return true;
}

// A new request may have to wait for its turn, before its bytes are read.
bool ClientConnection::MustWaitItsTurn() {
  if (state_ != State::kOpen || exchange_.active() || !worker_.rationing()) return false;
  if (std::exchange(has_turn_, false)) return false;
  read_blocked_ = true;
  worker_.WaitItsTurn(this);
  return true;
}

void ClientConnection::TakeTurn() {
  has_turn_ = true;
  ResumeReading();
  has_turn_ = false;
}

void ClientConnection::ResumeReading() {
  if (processing_ || state_ == State::kClosed) return;
  ProcessBuffered();
  if (!read_blocked_ || state_ == State::kClosed || !WantsBytes()) return;
  read_blocked_ = false;
  OnReadable();
}

void ClientConnection::OnEof() {
  eof_ = true;
  if (state_ == State::kLingering) return Close();
  if (state_ != State::kOpen) return;
  if (exchange_.active()) {
    exchange_.OnClientEof();
  } else {
    CloseWhenFlushed(After::kClose);
  }
}

void ClientConnection::OnReset() {
  if (state_ == State::kClosed) return;
  if (exchange_.active()) exchange_.Abandon("client_closed");
  Close();
}

// ---- Writing ----

bool ClientConnection::Send(std::span<const iovec> pieces) {
  if (state_ == State::kClosed) return false;
  if (out_.Send(*stream_, pieces)) return true;
  OnReset();
  return false;
}

Splicer::Result ClientConnection::SpliceFrom(net::Stream& from, uint64_t limit) {
  if (state_ == State::kClosed) return {Splicer::End::kTargetDead};
  // What is on its way goes first; it is not worth adding copies to it.
  if (out_.pending() != 0 && worker_.splicer().CanMove(from, *stream_)) {
    return {Splicer::End::kTargetFull};
  }
  const Splicer::Result result = worker_.splicer().Step(from, *stream_, out_, limit);
  if (result.end == Splicer::End::kTargetDead) OnReset();
  return result;
}

bool ClientConnection::Send(std::string_view bytes) {
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  return Send({&piece, 1});
}

void ClientConnection::OnWritable() {
  if (state_ == State::kClosed) return;
  if (!out_.Flush(*stream_)) return OnReset();
  if (state_ == State::kFlushing) {
    idle_deadline_ = worker_.loop().Now() + worker_.options().body_idle_timeout;
    if (out_.pending() == 0) FinishClose();
    return;
  }
  if (state_ != State::kOpen) return;
  if (exchange_.active()) {
    if (shutdown_wanted_ && out_.pending() == 0) stream_->ShutdownWrite();
    exchange_.OnClientWritable();
  } else if (out_.pending() < worker_.options().low_watermark) {
    ResumeReading();
  }
}

void ClientConnection::ShutdownAfterFlush() {
  if (state_ == State::kClosed || shutdown_wanted_) return;
  shutdown_wanted_ = true;
  if (out_.pending() == 0) stream_->ShutdownWrite();
}

// ---- Ends ----

void ClientConnection::OnExchangeDone(After after) {
  if (state_ == State::kClosed) return;
  if (after != After::kKeepAlive) return CloseWhenFlushed(after);
  idle_deadline_ = worker_.loop().Now() + worker_.keep_alive_timeout();
  EnsureTimer(idle_deadline_);
  if (!processing_) ResumeReading();
  // A caller that has finished sending gets the answers to all it has sent.
  if (eof_ && !processing_ && state_ == State::kOpen && !exchange_.active()) {
    CloseWhenFlushed(After::kClose);
  }
}

void ClientConnection::Reject(int status, std::string_view reason, std::string_view message) {
  if (worker_.dependencies().exchanges != nullptr) {
    worker_.dependencies().exchanges->OnRejected(worker_.index(), status, reason);
  }
  const PlatformError error{.status = status, .reason = reason, .message = message};
  std::string& body = worker_.body_scratch();
  WriteErrorBody(error, {}, &body);
  http::HeadBuffer& text = worker_.head_scratch();
  WriteError(
      error, body,
      LocalHead{
          .served_by_line = worker_.served_by_line(), .date = worker_.Date(), .keep_alive = false},
      &text);
  if (Send(text.view())) CloseWhenFlushed(After::kLinger);
}

// Its first bytes are no request but HTTP/2's preface: the socket goes to a session, and this ends.
void ClientConnection::BecomeHttp2(std::string_view early) {
  state_ = State::kClosed;
  timer_.Cancel();
  go_on_.Cancel();
  stream_->SetHandler(nullptr);
  worker_.AcceptHttp2(std::move(stream_), kind_, early);
  worker_.Retire(this);
}

void ClientConnection::CloseWhenFlushed(After after) {
  if (state_ != State::kOpen) return;
  state_ = State::kFlushing;
  after_flush_ = after;
  in_.Release();
  if (out_.pending() == 0) return FinishClose();
  idle_deadline_ = worker_.loop().Now() + worker_.options().body_idle_timeout;
  EnsureTimer(idle_deadline_);
}

void ClientConnection::FinishClose() {
  if (after_flush_ != After::kLinger || eof_) return Close();
  state_ = State::kLingering;
  stream_->ShutdownWrite();
  idle_deadline_ = worker_.loop().Now() + worker_.options().linger_timeout;
  EnsureTimer(idle_deadline_);
  // What came meanwhile caused no new edge.
  if (!processing_) OnReadable();
}

void ClientConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.Cancel();
  go_on_.Cancel();
  Unlink();
  stream_->SetHandler(nullptr);
  in_.Release();
  out_.Clear();
  worker_.Retire(this);
}

void ClientConnection::Break() {
  if (state_ == State::kClosed) return;
  stream_->Abort();
  Close();
}

void ClientConnection::OnDrain() {
  if (state_ != State::kOpen) return;
  if (exchange_.active()) return exchange_.OnDrain();
  if (head_begun_) return;
  // A request may be on its way: it is served, if it comes soon.
  idle_deadline_ = std::min(idle_deadline_, worker_.loop().Now() + worker_.keep_alive_timeout());
  if (worker_.loop().Now() >= idle_deadline_) return OnTimer();
  EnsureTimer(idle_deadline_);
}

void ClientConnection::CutOff() {
  if (exchange_.active()) exchange_.Abandon("shutdown");
  Break();
}

// ---- Time ----

void ClientConnection::EnsureTimer(MonotonicTime deadline) {
  if (timer_.armed() && armed_for_ <= deadline) return;
  armed_for_ = deadline;
  worker_.loop().Arm(timer_, deadline);
}

void ClientConnection::CountTimeout() {
  std::string_view kind = "linger";
  if (state_ == State::kOpen) kind = head_begun_ ? "request_head" : "idle";
  if (state_ == State::kFlushing) kind = "flush";
  worker_.Count(EventKind::kTimeout, nullptr, kind);
}

void ClientConnection::OnTimer() {
  const MonotonicTime now = worker_.loop().Now();
  if (exchange_.active() && state_ == State::kOpen) {
    exchange_.OnDeadline(now);
  } else if (now >= idle_deadline_) {
    CountTimeout();
    if (state_ == State::kOpen && head_begun_) {
      Reject(408, "slow_request", "the request's head did not arrive in time");
    } else if (state_ == State::kOpen) {
      // What the client may be sending just now is read, or it would be told by a reset: an orderly
      // end lets it ask again elsewhere.
      CloseWhenFlushed(After::kLinger);
    } else {
      Close();
    }
  }
  if (state_ == State::kClosed) return;
  EnsureTimer(exchange_.active() && state_ == State::kOpen ? exchange_.NextDeadline()
                                                           : idle_deadline_);
}

}  // namespace hearth::proxy
