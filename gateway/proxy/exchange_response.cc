// From the replica's answer to the client, and every deadline on the way.
#include <algorithm>
#include <utility>

#include "core/base/strings.h"
#include "gateway/proxy/client_connection.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/heads.h"
#include "gateway/proxy/platform_error.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

using http::BodyKind;

// Reads of one connection before the others of this loop get their turn.
constexpr int kRoundsATurn = 16;

// After the end of a client's sending, before it is asked whether it still listens.
constexpr Duration kProbeAfter = std::chrono::milliseconds(500);
constexpr Duration kProbeAgain = std::chrono::seconds(10);
// An answer in progress to a client that has ended: silence of this length means that it is gone.
constexpr Duration kEndedClientIdle = std::chrono::seconds(30);

// What is read at once for a client that has been slow before: whatever it does not take has to be
// kept, and there may be thousands like it.
constexpr size_t kStepForSlow = 32 * 1024;

bool IsNotStarted(const http::ResponseHead& head) {
  if (head.status != 503) return false;
  const auto busy = head.headers.Find("X-Hearth-Busy");
  return busy.has_value() && http::EqualsIgnoreCase(*busy, "not-started");
}

}  // namespace

void Exchange::OnUpstreamReadable() {
  const Upstream* const mine = upstream_.get();
  for (int rounds = 0; upstream_.get() == mine && mine != nullptr; ++rounds) {
    if (rounds == kRoundsATurn) return worker_.loop().Arm(go_on_, worker_.loop().Now());
    if (!attached_) return OnUpstreamDied();  // it spoke or closed before it was asked
    if (client_.unsent() >= worker_.options().high_watermark) {
      upstream_paused_ = slow_client_ = true;
      return;
    }
    if (phase_ == Phase::kStreaming && response_body_.plain_remaining() >= Splicer::kWorthIt) {
      const Moved moved = SpliceResponse();
      if (moved == Moved::kWait) return;
      if (moved == Moved::kSome) continue;
    }
    net::Buffer& in = upstream_->in();
    const bool direct = in.empty();
    std::span<char> room = direct ? worker_.scratch() : in.Prepare(4096);
    if (slow_client_) room = room.first(std::min(room.size(), kStepForSlow));
    const net::IoResult result = upstream_->stream().Read(room);
    if (result.status == net::IoStatus::kWouldBlock) return;
    if (result.status != net::IoStatus::kOk) {
      return OnUpstreamEnd(result.status == net::IoStatus::kReset);
    }
    progress_ = worker_.loop().Now();
    if (direct) {
      TakeResponse({room.data(), result.bytes});
    } else {
      in.Commit(result.bytes);
      net::Buffer whole = std::move(in);
      in = net::Buffer(&worker_.loop().buffers());
      TakeResponse(whole.view());
    }
    if (result.bytes < room.size()) return;
  }
}

Exchange::Moved Exchange::SpliceResponse() {
  const uint64_t rest = response_body_.plain_remaining();
  const auto step = client_.SpliceFrom(
      upstream_->stream(), slow_client_ ? std::min<uint64_t>(rest, kStepForSlow) : rest);
  if (step.end == Splicer::End::kUnsupported) return Moved::kNone;
  bytes_out_ += step.moved;
  if (step.moved > 0) {
    progress_ = worker_.loop().Now();
    response_body_.Skip(step.moved);
  }
  switch (step.end) {
    case Splicer::End::kMoved:
      if (response_body_.done()) FinishResponse(true);
      return Moved::kSome;
    case Splicer::End::kEof:
    case Splicer::End::kSourceDead:
      OnUpstreamEnd(step.end == Splicer::End::kSourceDead);
      return Moved::kWait;
    case Splicer::End::kTargetFull:
      upstream_paused_ = slow_client_ = true;
      return Moved::kWait;
    default:  // nothing there, or the client is gone and this was abandoned
      return Moved::kWait;
  }
}

void Exchange::OnUpstreamWritable() {
  if (upstream_ == nullptr || !attached_ || upstream_deaf_) return;
  if (!upstream_->out().Flush(upstream_->stream())) {
    upstream_deaf_ = true;
    upstream_->out().Clear();
  }
  progress_ = worker_.loop().Now();
  if (phase_ == Phase::kTunnel && client_ended_ && upstream_->out().pending() == 0) {
    upstream_->stream().ShutdownWrite();
  }
  if (upstream_->out().pending() < worker_.options().low_watermark) client_.ResumeReading();
}

void Exchange::OnClientWritable() {
  progress_ = worker_.loop().Now();
  if (!upstream_paused_ || client_.unsent() >= worker_.options().low_watermark) return;
  upstream_paused_ = false;
  OnUpstreamReadable();
}

void Exchange::TakeResponse(std::string_view bytes) {
  if (phase_ == Phase::kTunnel) return TunnelFromUpstream(bytes);
  if (phase_ == Phase::kStreaming) return ForwardResponse({}, bytes);
  while (phase_ == Phase::kAwaitingHead && !bytes.empty()) {
    if (!TakeHead(&bytes)) return;
  }
}

// True after an interim response: look on.
bool Exchange::TakeHead(std::string_view* bytes) {
  http::ResponseHead& head = worker_.response_scratch();
  switch (upstream_->parser().ParseResponse(*bytes, method_, &head)) {
    case http::ParseState::kNeedMore:
      upstream_->in().append(*bytes);
      return false;
    case http::ParseState::kError: {
      const std::string name(http::NameOf(upstream_->parser().error()));
      Fail({.status = 502,
            .reason = "bad_response",
            .message = Cat("the replica's answer is not acceptable as HTTP/1.1: ", name),
            .function = function_ == nullptr ? std::string() : function_->key.Text()});
      return false;
    }
    case http::ParseState::kDone:
      break;
  }
  upstream_->parser().Reset();
  const std::string_view rest = bytes->substr(head.size);
  if (head.status == 101) {
    if (upgrade_) {
      BeginTunnel(head, rest);
    } else {
      Fail({.status = 502,
            .reason = "bad_response",
            .message = "the replica switched protocols without having been asked",
            .function = function_ == nullptr ? std::string() : function_->key.Text()});
    }
    return false;
  }
  if (head.status < 200) {
    if (head.status != 100 && !http10_) {
      http::HeadBuffer& text = worker_.head_scratch();
      WriteInterimHead(head, &text);
      if (!client_.Send(text.view())) return false;
    }
    *bytes = rest;
    return true;
  }
  BeginResponse(head, rest);
  return false;
}

void Exchange::BeginResponse(const http::ResponseHead& head, std::string_view rest) {
  if (slot_ && terms_.has_watchdog && IsNotStarted(head)) {
    // Where nothing of a request is left unread the connection stands between two messages.
    BodyBatch batch;
    response_body_.Start(head.body, head.content_length);
    if (body_kind_ == BodyKind::kNone && head.keep_alive && response_body_.Take(rest, &batch) &&
        response_body_.done() && batch.consumed == rest.size()) {
      worker_.upstreams().Put(std::move(upstream_));
    }
    return OnBusy();
  }
  if (slot_) slot_.replica()->ClearAside();
  phase_ = Phase::kStreaming;
  response_begun_ = true;
  status_ = head.status;
  first_byte_ = worker_.loop().Now();
  probe_at_ = MonotonicTime{};
  upstream_keep_alive_ = head.keep_alive;
  response_body_.Start(head.body, head.content_length);
  out_framing_ = head.body;
  if (head.body == BodyKind::kChunked || head.body == BodyKind::kUntilClose) {
    out_framing_ = http10_ ? BodyKind::kUntilClose : BodyKind::kChunked;
    if (http10_) keep_alive_ = false;
  }
  // A refusal that came before the whole request: the rest is not worth reading.
  if (worker_.draining() || (!body_.done() && head.status >= 400)) keep_alive_ = false;
  std::string_view timing;
  if (wants_timing_ && slot_) timing = TimingLine();
  http::HeadBuffer& text = worker_.head_scratch();
  WriteClientHead(head,
                  ClientHead{.stamp = stamp_.lines(),
                             .served_by_line = worker_.served_by_line(),
                             .timing = timing,
                             .body = out_framing_,
                             .keep_alive = keep_alive_,
                             .http10 = http10_,
                             .no_body_method = head_method_},
                  &text);
  ForwardResponse(text.view(), rest);
  if (phase_ == Phase::kStreaming) client_.EnsureTimer(NextDeadline());
}

void Exchange::ForwardResponse(std::string_view head, std::string_view rest) {
  BodyBatch batch;
  do {
    if (!response_body_.Take(rest, &batch)) {
      if (!head.empty() && !client_.Send(head)) return;
      return BreakResponse("bad_response");
    }
    rest.remove_prefix(batch.consumed);
    bytes_out_ += batch.payload;
    const FramedBatch framed(head, out_framing_, batch,
                             response_body_.done() ? response_body_.trailer() : "");
    head = {};
    if (!framed.pieces().empty() && !client_.Send(framed.pieces())) return;
  } while (!rest.empty() && !response_body_.done());
  if (response_body_.done()) FinishResponse(rest.empty());
}

// `clean`: the upstream connection stands between two messages.
void Exchange::FinishResponse(bool clean) {
  if (clean && upstream_keep_alive_ && body_.done() && !upstream_deaf_ &&
      upstream_->out().pending() == 0) {
    worker_.upstreams().Put(std::move(upstream_));
  }
  // What the head has promised is kept: while this gateway leaves too, for the next request.
  const bool keep = keep_alive_ && body_.done();
  const bool read_on = !body_.done() || worker_.draining();
  const auto after = keep      ? ClientConnection::After::kKeepAlive
                     : read_on ? ClientConnection::After::kLinger
                               : ClientConnection::After::kClose;
  Finish({});
  client_.OnExchangeDone(after);
}

void Exchange::BreakResponse(std::string_view reason) {
  Abandon(reason);
  client_.Break();
}

void Exchange::OnUpstreamEnd(bool reset) {
  switch (phase_) {
    case Phase::kAwaitingHead:
      if (upstream_->in().empty()) return OnUpstreamDied();
      return Fail({.status = 502,
                   .reason = "bad_response",
                   .message = "the replica closed the connection inside its answer's head",
                   .function = function_ == nullptr ? std::string() : function_->key.Text()});
    case Phase::kStreaming: {
      if (reset || !response_body_.EndsAtClose()) return BreakResponse("upstream_truncated");
      BodyBatch end;
      end.last = true;
      if (out_framing_ == BodyKind::kChunked) {
        const FramedBatch framed({}, out_framing_, end, {});
        if (!client_.Send(framed.pieces())) return;
      }
      return FinishResponse(false);
    }
    case Phase::kTunnel:
      if (reset) return BreakResponse("upstream_reset");
      return OnTunnelEnd(false);
    default:
      return OnUpstreamDied();
  }
}

// ---- A client that ends ----

void Exchange::OnClientEof() {
  if (phase_ == Phase::kTunnel) return OnTunnelEnd(true);
  if (!body_.done()) {
    Abandon("client_closed");
    return client_.Break();
  }
  // Either it has finished sending and waits for the answer, or it is gone: the network says the
  // same. Only sending something tells, and an interim response is the one thing that may be sent.
  if (!http10_ && !response_begun_) {
    probe_at_ = worker_.loop().Now() + kProbeAfter;
    client_.EnsureTimer(probe_at_);
  } else if (response_begun_) {
    terms_.stream_idle_timeout = terms_.stream_idle_timeout == Duration::zero()
                                     ? kEndedClientIdle
                                     : std::min(terms_.stream_idle_timeout, kEndedClientIdle);
    client_.EnsureTimer(NextDeadline());
  }
}

void Exchange::OnClientHangup() {
  if (phase_ == Phase::kTunnel || response_begun_ || http10_ || probes_ == 0) return;
  ProbeClient(worker_.loop().Now());
}

void Exchange::ProbeClient(MonotonicTime now) {
  constexpr uint32_t kMostProbes = 8;
  probe_at_ = MonotonicTime{};
  if (response_begun_ || probes_ >= kMostProbes) return;
  ++probes_;
  if (client_.Send("HTTP/1.1 100 Continue\r\n\r\n")) probe_at_ = now + kProbeAgain;
}

// ---- Deadlines ----

void Exchange::OnDeadline(MonotonicTime now) {
  LetGoOfTable(now);
  if (probe_at_ != MonotonicTime{} && now >= probe_at_) {
    ProbeClient(now);
    if (!active()) return;
  }
  if (slot_ && terms_.max_duration != Duration::zero() &&
      now >= slot_taken_ + terms_.max_duration) {
    worker_.Count(EventKind::kTimeout, function_, "max_duration");
    if (response_begun_) return BreakResponse("max_duration");
    return Fail({.status = 504,
                 .reason = "max_duration",
                 .message = "the request took longer than the function's maxDuration",
                 .function = function_->key.Text()});
  }
  if (NextDeadline() > now) return;
  const std::string function = function_ == nullptr ? std::string() : function_->key.Text();
  switch (phase_) {
    case Phase::kIdle:
      return;
    case Phase::kQueued: {
      const bool none = function_->state->replicas()->empty();
      const uint32_t retry_after = function_->state->RetryAfter(*function_->replicas);
      worker_.Count(EventKind::kTimeout, function_, none ? "cold_start" : "queue");
      if (none) {
        return Fail({.status = 503,
                     .reason = "no_replica",
                     .message = "no replica of the function became ready in time",
                     .function = function,
                     .retry_after = retry_after});
      }
      return Fail({.status = 429,
                   .reason = "queue_timeout",
                   .message = "no slot of the function became free in time",
                   .function = function,
                   .retry_after = retry_after});
    }
    case Phase::kConnecting:
    case Phase::kAwaitingHead:
      if (attached_ && AcceptsClientBytes() && BodyIdleTimeout() != Duration::zero() &&
          now >= client_progress_ + BodyIdleTimeout()) {
        keep_alive_ = false;
        worker_.Count(EventKind::kTimeout, function_, "request_body");
        return Fail({.status = 408,
                     .reason = "slow_request",
                     .message = "the request's body stopped coming",
                     .function = function});
      }
      worker_.Count(EventKind::kTimeout, function_, "response_head");
      return Fail({.status = 504,
                   .reason = "timeout",
                   .message = "the function did not answer within its timeout",
                   .function = function});
    case Phase::kStreaming:
      worker_.Count(EventKind::kTimeout, function_, "stream_idle");
      return BreakResponse("stream_idle");
    case Phase::kTunnel:
      worker_.Count(EventKind::kTimeout, function_,
                    going_away_said_ ? "tunnel_close" : "tunnel_idle");
      return BreakResponse(going_away_said_ ? "going_away" : "tunnel_idle");
    case Phase::kDiscarding:
      worker_.Count(EventKind::kTimeout, function_, "request_body");
      Finish({});
      return client_.OnExchangeDone(ClientConnection::After::kClose);
  }
}

void Exchange::OnRoutesChanged() {
  // Its replica is about to go, and a tunnel would hold it up: the client is told to come back.
  if (phase_ != Phase::kTunnel || !slot_ || !websocket_) return;
  const route::Function* now = worker_.table()->Find(function_->key.name, function_->key.ns);
  if (now == nullptr || !now->replicas->Contains(slot_.replica())) SayGoingAway();
}

void Exchange::OnDrain() {
  if (!response_begun_) keep_alive_ = false;
  if (phase_ == Phase::kTunnel && websocket_) SayGoingAway();
}

}  // namespace hearth::proxy
