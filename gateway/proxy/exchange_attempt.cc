// From the wish for a slot to the request on its way to a replica, and again.
#include <algorithm>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/http/writer.h"
#include "gateway/proxy/client_connection.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/exchange_waiter.h"
#include "gateway/proxy/platform_error.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

using http::BodyKind;

// A watchdog that is full is asked again after this: it serves other gateways, or is about to
// leave.
constexpr Duration kBusyAside = std::chrono::milliseconds(5);
// Where the watchdog keeps the function's timeout itself, its answer says more than ours.
constexpr Duration kWatchdogGrace = std::chrono::milliseconds(250);

// A request that is still there after this keeps its own function only: with the whole table, a
// stream of hours would keep every function as it was when the stream began.
constexpr Duration kTableHeld = std::chrono::seconds(30);

// Deliveries of one request to connections that die.
constexpr uint32_t kMostAttempts = 4;

std::string_view ConnectReason(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) return "connect_timeout";
  if (absl::IsInvalidArgument(status)) return "bad_address";
  return "connect_refused";
}

}  // namespace

void ExchangeWaiter::Notify(std::shared_ptr<queue::Waiter> self) {
  loop_->Post([self = std::static_pointer_cast<ExchangeWaiter>(std::move(self))] {
    if (self->owner_ != nullptr) self->owner_->OnWaitOver();
  });
}

void Exchange::AskForSlot() {
  route::Slot slot =
      function_->state->TryClaim(*function_->replicas, worker_.index(), arrival_, worker_.random());
  if (slot) {
    OnSlot(std::move(slot));
  } else {
    Wait(route::FunctionState::Place::kBack);
  }
}

void Exchange::Wait(route::FunctionState::Place place) {
  route::FunctionState& state = *function_->state;
  waiter_ = std::make_shared<ExchangeWaiter>(this, &worker_.loop());
  waiter_->since = arrival_;
  waiter_->loop_index = worker_.index();
  waiter_->bytes = head_.size();
  if (body_kind_ == BodyKind::kLength) {
    waiter_->bytes += std::min<uint64_t>(content_length_, worker_.options().replay_limit);
  } else if (body_kind_ == BodyKind::kChunked) {
    waiter_->bytes += worker_.options().replay_limit;
  }
  phase_ = Phase::kQueued;
  const route::Admission admission =
      state.Enqueue(waiter_, place, function_->policy.queue, worker_.loop().Now());
  cold_ = cold_ || waiter_->cold;
  if (admission == route::Admission::kQueued) {
    client_.EnsureTimer(NextDeadline());
    return;
  }
  const auto waiter = std::exchange(waiter_, nullptr);
  switch (admission) {
    case route::Admission::kGranted:
    case route::Admission::kQueued:
      return OnSlot(waiter->TakeSlot());
    case route::Admission::kFunctionFull:
      return FailQueueFull();
    case route::Admission::kPlatformFull:
      return Fail({.status = 503,
                   .reason = "overloaded",
                   .message = "the platform has as many waiting requests as it can hold; try again "
                              "later",
                   .function = function_->key.Text(),
                   .retry_after = state.RetryAfter(*function_->replicas)});
    case route::Admission::kUnavailable:
      return Fail({.status = 503,
                   .reason = "unavailable",
                   .message = Cat("the function cannot serve: ", waiter->reason),
                   .function = function_->key.Text(),
                   .retry_after = 5});
    case route::Admission::kGone:
      return Fail({.status = 404,
                   .reason = "function_not_found",
                   .message = "the function was deleted",
                   .function = function_->key.Text()});
  }
}

void Exchange::FailQueueFull() {
  Fail({.status = 429,
        .reason = "queue_full",
        .message = "too many requests wait for this function already; try again later, or raise "
                   "scaling.max or concurrency",
        .function = function_->key.Text(),
        .retry_after = function_->state->RetryAfter(*function_->replicas)});
}

void Exchange::OnWaitOver() {
  const auto waiter = std::exchange(waiter_, nullptr);
  waiter->Forget();
  switch (waiter->outcome) {
    case queue::Outcome::kGranted:
      return OnSlot(waiter->TakeSlot());
    case queue::Outcome::kUnavailable:
      return Fail({.status = 503,
                   .reason = "unavailable",
                   .message = Cat("the function cannot serve: ", waiter->reason),
                   .function = function_->key.Text(),
                   .retry_after = 5});
    default:
      return Fail({.status = 404,
                   .reason = "function_not_found",
                   .message = "the function was deleted",
                   .function = function_->key.Text()});
  }
}

void Exchange::OnSlot(route::Slot slot) {
  slot_ = std::move(slot);
  const MonotonicTime now = worker_.loop().Now();
  if (slot_taken_ == MonotonicTime{}) queued_ = now - arrival_;
  slot_taken_ = now;
  replica_id_.assign(slot_.replica()->id().value());
  BeginAttempt();
}

void Exchange::BeginAttempt() {
  ++attempts_;
  phase_ = Phase::kConnecting;
  attached_ = upstream_deaf_ = upstream_paused_ = slow_client_ = false;
  UpstreamPool& pool = worker_.upstreams();
  const uint64_t target = slot_ ? slot_.replica()->serial() : pool.TargetFor(forward_address_);
  // Where one connection died, its replica's others may be dead too.
  upstream_ = pool.Take(target, !idempotent_ || attempts_ > 1);
  if (upstream_ != nullptr) {
    upstream_->Use(this);
    if (!client_.processing()) SendRequest();
    return;
  }
  const auto address = net::Address::Parse(slot_ ? slot_.replica()->address() : forward_address_);
  if (!address.ok()) return OnConnectFailed(address.status());
  client_.EnsureTimer(NextDeadline());
  connect_ = worker_.loop().Connect(*address, worker_.options().connect_timeout,
                                    [this](absl::StatusOr<std::unique_ptr<net::Stream>> result) {
                                      OnConnected(std::move(result));
                                    });
}

void Exchange::OnConnected(absl::StatusOr<std::unique_ptr<net::Stream>> result) {
  const auto done = std::move(connect_);  // it is calling: it goes when this returns
  if (!result.ok()) return OnConnectFailed(result.status());
  const uint64_t target =
      slot_ ? slot_.replica()->serial() : worker_.upstreams().TargetFor(forward_address_);
  if (slot_) slot_.replica()->ClearAside();
  upstream_ = std::make_unique<Upstream>(worker_.upstreams(), target, *std::move(result),
                                         worker_.options().limits, &worker_.loop().buffers());
  upstream_->Use(this);
  SendRequest();
}

void Exchange::OnConnectFailed(const absl::Status& status) {
  const std::string_view reason = ConnectReason(status);
  if (!slot_) {
    return Fail({.status = 503,
                 .reason = "controller_unavailable",
                 .message = Cat("the controller cannot be reached; functions that run go on: ",
                                Message(status)),
                 .retry_after = 1});
  }
  if (reason == "connect_timeout") worker_.Count(EventKind::kTimeout, function_, "connect");
  SetReplicaAside(reason, reason != "connect_timeout");
  if (hopeless_ >= worker_.options().max_connect_attempts) {
    return Fail({.status = 502,
                 .reason = reason,
                 .message = Cat("no replica could be reached: ", Message(status)),
                 .function = function_->key.Text(),
                 .retry_after = 1});
  }
  Retry(reason);
}

// `certain`: nobody is there. Otherwise the replica may only be slow, and no more than half of them
// are set aside for that.
void Exchange::SetReplicaAside(std::string_view reason, bool certain) {
  balance::Replica& replica = *slot_.replica();
  const MonotonicTime now = worker_.loop().Now();
  if (ReplicaFailureObserver* observer = worker_.dependencies().failures; observer != nullptr) {
    observer->OnReplicaFailure(function_->key, replica.id(), reason);
  }
  if (!certain && !balance::MaySetAside(*function_->state->replicas(), now)) {
    ++hopeless_;
    worker_.Count(EventKind::kSpared, function_, reason);
    return;
  }
  const Duration aside = balance::FailureAside(replica.CountFailure());
  replica.SetAside(now + aside);
  worker_.Count(EventKind::kEjection, function_, reason);
  worker_.PumpAfter(function_->state, aside + std::chrono::milliseconds(1));
}

// Nothing of the request has had an effect: it takes the next slot before all that wait.
void Exchange::Retry(std::string_view reason) {
  worker_.Count(EventKind::kRetry, function_, reason);
  DropUpstream();
  slot_.Release();
  if (function_ == nullptr) return BeginAttempt();
  Wait(route::FunctionState::Place::kFront);
}

void Exchange::OnBatchEnd() {
  if (upstream_ != nullptr && !attached_ && phase_ == Phase::kConnecting) SendRequest();
}

void Exchange::SendRequest() {
  attached_ = true;
  phase_ = Phase::kAwaitingHead;
  const MonotonicTime now = worker_.loop().Now();
  progress_ = client_progress_ = sent_ = now;
  if (expects_continue_ && !body_.done()) {
    expects_continue_ = false;
    if (replay_.empty() && !client_.Send("HTTP/1.1 100 Continue\r\n\r\n")) return;
  }
  head_.Truncate(common_head_);
  http::HeadWriter<http::HeadBuffer> writer(&head_);
  if (slot_) {
    if (!slot_.replica()->token().empty()) {
      writer.Field("X-Hearth-Token", slot_.replica()->token());
    }
    if (terms_.head_timeout != Duration::zero() && terms_.has_watchdog) {
      const Duration left = terms_.head_timeout - (now - slot_taken_);
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
      writer.Field("X-Hearth-Timeout-Ms", static_cast<uint64_t>(std::max<int64_t>(ms, 1)));
    }
  }
  writer.End();

  BodyBatch batch;
  if (!replay_.empty()) batch.pieces[batch.count++] = {replay_.data(), replay_.size()};
  batch.payload = replay_.size();
  batch.last = body_.done();
  const FramedBatch framed(head_.view(), body_kind_, batch, body_.done() ? body_.trailer() : "");
  if (!upstream_->out().Send(upstream_->stream(), framed.pieces())) {
    // Not a byte was taken: whatever the request is, it may go elsewhere.
    if (attempts_ < kMostAttempts) return Retry("not_sent");
    return OnUpstreamDied();
  }
  if (replay_.size() > worker_.options().replay_limit) {
    replayable_ = false;
    replay_.clear();
  }
  client_.EnsureTimer(NextDeadline());
  if (!body_.done()) client_.ResumeReading();
}

bool Exchange::AcceptsClientBytes() const {
  switch (phase_) {
    case Phase::kIdle:
      return false;
    case Phase::kTunnel:
      return !client_ended_ && !upstream_deaf_ && upstream_ != nullptr &&
             upstream_->out().pending() < worker_.options().high_watermark;
    case Phase::kDiscarding:
      return !body_.done();
    default:
      break;
  }
  if (body_.done()) return false;
  if (!attached_) return replay_.size() < worker_.options().replay_limit;
  return upstream_deaf_ || upstream_->out().pending() < worker_.options().high_watermark;
}

size_t Exchange::OnClientBytes(std::string_view bytes) {
  if (phase_ == Phase::kTunnel) return TunnelFromClient(bytes);
  BodyBatch batch;
  if (!body_.Take(bytes, &batch)) {
    keep_alive_ = false;
    if (response_begun_) {
      BreakResponse("bad_request_body");
    } else {
      DropUpstream();
      Fail({.status = http::StatusFor(body_.error()),
            .reason = http::NameOf(body_.error()),
            .message = "the request's body is not framed as HTTP/1.1 says"});
    }
    return bytes.size();
  }
  client_progress_ = worker_.loop().Now();
  if (phase_ == Phase::kDiscarding) {
    if (body_.done()) {
      Finish({});
      client_.OnExchangeDone(ClientConnection::After::kKeepAlive);
    }
    return batch.consumed;
  }
  bytes_in_ += batch.payload;
  if (terms_.max_body_bytes != 0 && bytes_in_ > terms_.max_body_bytes) {
    if (response_begun_) {
      BreakResponse("body_too_large");
    } else {
      BodyTooLarge();
    }
    return bytes.size();
  }
  ForwardBody(batch);
  return batch.consumed;
}

void Exchange::ForwardBody(const BodyBatch& batch) {
  if (replayable_ && !response_begun_) {
    if (attached_ && replay_.size() + batch.payload > worker_.options().replay_limit) {
      replayable_ = false;
      std::string().swap(replay_);
    } else {
      for (size_t i = 0; i < batch.count; ++i) {
        replay_.append(static_cast<const char*>(batch.pieces[i].iov_base), batch.pieces[i].iov_len);
      }
    }
  }
  if (!attached_ || upstream_deaf_) return;
  const FramedBatch framed({}, body_kind_, batch, body_.done() ? body_.trailer() : "");
  if (!upstream_->out().Send(upstream_->stream(), framed.pieces())) {
    // An answer given before the body was read may still be waiting; reading finds out.
    upstream_deaf_ = true;
    upstream_->out().Clear();
  }
}

Exchange::Moved Exchange::SpliceBody(net::Stream& client) {
  if (!attached_ || replayable_ || upstream_deaf_ || phase_ == Phase::kTunnel ||
      phase_ == Phase::kDiscarding || body_.plain_remaining() < Splicer::kWorthIt) {
    return Moved::kNone;
  }
  if (upstream_->out().pending() != 0 && worker_.splicer().CanMove(client, upstream_->stream())) {
    return Moved::kBlocked;
  }
  const auto step = worker_.splicer().Step(client, upstream_->stream(), upstream_->out(),
                                           body_.plain_remaining());
  if (step.moved > 0) {
    bytes_in_ += step.moved;
    body_.Skip(step.moved);
    client_progress_ = worker_.loop().Now();
  }
  switch (step.end) {
    case Splicer::End::kMoved:
      return Moved::kSome;
    case Splicer::End::kTargetDead:
      upstream_deaf_ = true;
      upstream_->out().Clear();
      return Moved::kSome;
    case Splicer::End::kNoSource:
      return Moved::kWait;
    default:  // the end and errors are found by reading
      return Moved::kNone;
  }
}

bool Exchange::MayRetry() const {
  return replayable_ && attempts_ < kMostAttempts && !response_begun_ && !upgrade_;
}

// The connection ended before a byte of the answer came.
void Exchange::OnUpstreamDied() {
  worker_.Count(EventKind::kReset, function_, "upstream_closed");
  if (MayRetry() && idempotent_) {
    if (slot_ && !upstream_->reused()) SetReplicaAside("closed_without_answer", false);
    return Retry("upstream_closed");
  }
  if (!slot_) {
    return Fail({.status = 502,
                 .reason = "controller_closed",
                 .message = "the controller closed the connection before it answered",
                 .retry_after = 1});
  }
  if (!upstream_->reused()) SetReplicaAside("closed_without_answer", false);
  Fail({.status = 502,
        .reason = "upstream_closed",
        .message = "the replica closed the connection before it answered; the request may have had "
                   "an effect, so it was not sent again",
        .function = function_->key.Text()});
}

// The watchdog was full and has read nothing of the body.
void Exchange::OnBusy() {
  if (!replayable_) {
    return Fail({.status = 503,
                 .reason = "busy",
                 .message = "the replica was busy, and the request's body is too large to be kept "
                            "for another attempt",
                 .function = function_->key.Text(),
                 .retry_after = function_->state->RetryAfter(*function_->replicas)});
  }
  slot_.replica()->SetAside(worker_.loop().Now() + kBusyAside);
  worker_.Count(EventKind::kEjection, function_, "busy");
  worker_.PumpAfter(function_->state, kBusyAside + std::chrono::milliseconds(1));
  Retry("busy");
}

void Exchange::LetGoOfTable(MonotonicTime now) {
  if (table_.get() == nullptr || now < arrival_ + kTableHeld) return;
  if (function_ != nullptr) own_function_ = table_->Share(*function_);
  table_ = TablePin();
}

// The sender of one HTTP/2 stream may be silent for as long as a stream may: its connection is
// watched by itself.
Duration Exchange::BodyIdleTimeout() const {
  return client_.is_stream() ? terms_.stream_idle_timeout : worker_.options().body_idle_timeout;
}

MonotonicTime Exchange::NextDeadline() const {
  constexpr MonotonicTime kNever = MonotonicTime(Duration(INT64_MAX));
  const Options& options = worker_.options();
  MonotonicTime next = kNever;
  const auto at = [&next](MonotonicTime from, Duration after) {
    if (after != Duration::zero()) next = std::min(next, from + after);
  };
  switch (phase_) {
    case Phase::kIdle:
      return kNever;
    case Phase::kQueued:
      at(arrival_, function_->policy.queue_max_wait);
      break;
    case Phase::kConnecting:
    case Phase::kAwaitingHead:
      if (terms_.head_timeout != Duration::zero()) {
        at(slot_taken_, terms_.head_timeout + (terms_.has_watchdog ? kWatchdogGrace : Duration{}));
      }
      if (attached_ && AcceptsClientBytes()) at(client_progress_, BodyIdleTimeout());
      break;
    case Phase::kStreaming:
      at(std::max(progress_, client_progress_), terms_.stream_idle_timeout);
      break;
    case Phase::kTunnel:
      if (tunnel_until_ != MonotonicTime{}) next = tunnel_until_;
      at(progress_, terms_.stream_idle_timeout);
      break;
    case Phase::kDiscarding:
      at(client_progress_, options.body_idle_timeout);
      break;
  }
  if (slot_) at(slot_taken_, terms_.max_duration);
  if (table_.get() != nullptr) at(arrival_, kTableHeld);
  if (probe_at_ != MonotonicTime{}) next = std::min(next, probe_at_);
  // A far deadline is looked at again now and then, so that a nearer one is not held up by much.
  return next == kNever ? worker_.loop().Now() + std::chrono::minutes(1) : next;
}

}  // namespace hearth::proxy
