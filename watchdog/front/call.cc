#include "watchdog/front/call.h"

#include <algorithm>
#include <utility>

#include "core/http/writer.h"
#include "watchdog/wire/error_body.h"

namespace hearth::watchdog {

namespace {

// "1.250000", into `out`, which holds at least 28; printf's floating point would be felt at every
// request.
std::string_view SecondsText(Duration d, char* out) {
  const auto micros = static_cast<uint64_t>(
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count()));
  size_t size = http::FormatDecimal(micros / 1'000'000, out);
  // A one in front keeps the zeros that a fraction begins with; the point takes its place.
  http::FormatDecimal(1'000'000 + micros % 1'000'000, out + size);
  out[size] = '.';
  size += 7;
  return {out, size};
}

}  // namespace

Call::Call(net::Loop& loop, ServerConnection& connection, CallOwner& owner, std::string id,
           const CallTimes& times)
    : loop_(loop),
      connection_(&connection),
      owner_(owner),
      id_(std::move(id)),
      method_(connection.head().method),
      times_(times),
      accepted_at_(loop.Now()),
      started_at_(loop.Now()),
      timer_([this] { OnTimer(); }),
      total_timer_([this] { OnTotalTimer(); }) {
  connection.SetHandler(this);
  // While it waits for the function as well: the caller is not left without an answer.
  if (times_.timeout > Duration::zero()) loop_.ArmAfter(timer_, times_.timeout);
}

Call::~Call() {
  if (connection_ != nullptr) connection_->SetHandler(nullptr);
}

void Call::SetHandler(std::unique_ptr<CallHandler> handler) { handler_ = std::move(handler); }

void Call::Start(std::unique_ptr<CallHandler> handler) {
  handler_ = std::move(handler);
  started_ = true;
  started_at_ = loop_.Now();
  if (times_.timeout > Duration::zero()) {
    deadline_ = loop_.Now() + times_.timeout;
    loop_.Arm(timer_, *deadline_);
  }
  if (times_.max_duration > Duration::zero()) loop_.ArmAfter(total_timer_, times_.max_duration);
}

void Call::ReadBody() {
  if (connection_ != nullptr) connection_->ReadBody();
}
void Call::PauseBody() {
  if (connection_ != nullptr) connection_->PauseBody();
}
void Call::ResumeBody() {
  if (connection_ != nullptr) connection_->ResumeBody();
}

std::string Call::WithOwnFields(std::string_view fields) const {
  constexpr size_t kRoom = 160;
  std::string all;
  all.reserve(fields.size() + kRoom);
  all.append(fields);
  http::HeadWriter<std::string> w(&all);
  char seconds[28];
  w.Field("X-Call-Id", id_)
      .Field("X-Duration-Seconds", SecondsText(loop_.Now() - started_at_, seconds));
  if (owner_.draining()) w.Field("X-Hearth-Draining", "1");
  return all;
}

void Call::ArmAfterHead() {
  Touch();
  timer_.Cancel();
  if (times_.stream_idle > Duration::zero()) loop_.ArmAfter(timer_, times_.stream_idle);
}

void Call::Begin(int status, std::string_view reason, std::string_view fields,
                 std::optional<uint64_t> length) {
  if (begun()) return;
  status_ = status;
  ArmAfterHead();
  if (connection_ == nullptr) return;
  if (owner_.draining()) connection_->CloseAfterResponse();
  connection_->Begin(status, reason, WithOwnFields(fields), length);
}

bool Call::Write(std::string_view piece) {
  Touch();
  return connection_ == nullptr || connection_->Write(piece);
}

void Call::Flush() {
  if (connection_ != nullptr) connection_->Flush();
}

// The slot is free before the answer's end goes out: a request that waits behind this one on the
// same connection begins inside that call.
void Call::End(std::string_view trailer) {
  if (finished_) return;
  ServerConnection* connection = std::exchange(connection_, nullptr);
  if (connection != nullptr) connection->SetHandler(nullptr);
  Finish();
  if (connection != nullptr) connection->End(trailer);
}

void Call::Respond(int status, std::string_view fields, std::string_view body) {
  if (begun() || finished_) return;
  status_ = status;
  ServerConnection* connection = std::exchange(connection_, nullptr);
  if (connection == nullptr) {
    Finish();
    return;
  }
  connection->SetHandler(nullptr);
  if (owner_.draining()) connection->CloseAfterResponse();
  const std::string all = WithOwnFields(fields);
  Finish();
  connection->Respond(status, all, body);
}

void Call::BeginTunnel(int status, std::string_view reason, std::string_view fields) {
  if (begun()) return;
  status_ = status;
  ArmAfterHead();
  if (connection_ != nullptr) {
    connection_->BeginTunnel(status, reason, WithOwnFields(fields));
  }
}

void Call::EndTunnelWrite() {
  if (connection_ != nullptr) connection_->End();
}

void Call::Close() {
  // The connection ends by itself once the caller has ended its direction too.
  if (connection_ != nullptr) connection_->SetHandler(nullptr);
  connection_ = nullptr;
  Finish();
}

void Call::Fail(int status, std::string_view component, std::string_view reason,
                std::string_view message) {
  if (finished_) return;
  if (begun()) {
    Abort(reason);
    return;
  }
  owner_.OnCallEvent(CallEvent::kRefusal, reason);
  const ErrorAnswer answer = MakeError(component, reason, message);
  Respond(status, answer.fields, answer.body);
}

void Call::FailNotStarted(std::string_view reason, std::string_view message) {
  owner_.OnCallEvent(CallEvent::kRefusal, reason);
  ErrorAnswer answer = MakeError("watchdog", reason, message);
  answer.fields += "X-Hearth-Busy: not-started\r\n";
  Respond(503, answer.fields, answer.body);
}

void Call::Abort(std::string_view reason) {
  if (finished_) return;
  owner_.OnCallEvent(CallEvent::kReset, reason);
  ServerConnection* connection = std::exchange(connection_, nullptr);
  if (connection != nullptr) {
    connection->SetHandler(nullptr);
    connection->Abort();
  }
  Finish();
}

void Call::Finish() {
  if (finished_) return;
  finished_ = true;
  timer_.Cancel();
  total_timer_.Cancel();
  if (connection_ != nullptr) {
    ServerConnection* connection = std::exchange(connection_, nullptr);
    connection->SetHandler(nullptr);
    connection->Abort();
  }
  owner_.OnCallFinished(*this);
}

void Call::OnBody(std::string_view piece) {
  if (begun()) Touch();
  if (handler_ != nullptr) handler_->OnBody(piece);
}

void Call::OnBodyEnd(std::string_view trailer) {
  if (handler_ != nullptr) handler_->OnBodyEnd(trailer);
}

void Call::OnBodyFailed(BodyFailure failure, http::ParseError error) {
  int status = 400;
  std::string_view reason = "body_cut_off";
  std::string_view message = "the request's body ended before it was whole";
  if (failure == BodyFailure::kTooLarge) {
    status = 413;
    reason = "body_too_large";
    message = "the request's body is larger than this function accepts";
  } else if (failure == BodyFailure::kTimeout) {
    status = 408;
    reason = "slow_request";
    message = "the request's body stopped coming";
    owner_.OnCallEvent(CallEvent::kTimeout, "request_body");
  } else if (failure == BodyFailure::kMalformed) {
    status = http::StatusFor(error);
    reason = http::NameOf(error);
    message = "the request's body is not acceptable as HTTP";
  }
  if (begun()) {
    Abort(reason);
    if (handler_ != nullptr) handler_->OnCallerGone();
    return;
  }
  owner_.OnCallEvent(CallEvent::kRefusal, reason);
  // The handler may finish the call: the answer goes first.
  const ErrorAnswer answer = MakeError("watchdog", reason, message);
  ServerConnection* connection = std::exchange(connection_, nullptr);
  status_ = status;
  if (connection != nullptr) {
    connection->SetHandler(nullptr);
    connection->CloseAfterResponse();
    connection->Respond(status, WithOwnFields(answer.fields), answer.body);
  }
  if (handler_ != nullptr) {
    handler_->OnCallerGone();
  } else {
    Finish();
  }
}

void Call::OnWritable() {
  Touch();
  if (handler_ != nullptr) handler_->OnWritable();
}

void Call::OnPeerGone() {
  owner_.OnCallEvent(CallEvent::kReset, "client_closed");
  connection_ = nullptr;
  if (handler_ != nullptr) {
    handler_->OnCallerGone();
  } else {
    Finish();
  }
}

void Call::OnTimer() {
  if (begun()) {
    const MonotonicTime silent_until = active_at_ + times_.stream_idle;
    if (loop_.Now() < silent_until) {
      loop_.Arm(timer_, silent_until);
      return;
    }
  }
  Expire(begun() ? "stream_idle" : started_ ? "response_head" : "ready");
}

void Call::OnTotalTimer() { Expire("max_duration"); }

void Call::Expire(std::string_view kind) {
  owner_.OnCallEvent(CallEvent::kTimeout, kind);
  if (!started_) {
    FailNotStarted("not_ready", "the function did not become ready while the request waited");
  } else if (handler_ != nullptr) {
    handler_->OnTimeout();
  }
}

}  // namespace hearth::watchdog
