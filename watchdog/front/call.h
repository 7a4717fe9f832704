#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/net/loop.h"
#include "watchdog/front/events.h"
#include "watchdog/wire/server_connection.h"

namespace hearth::watchdog {

class Call;

// A mode's side of one call. Owned by the Call; destroyed with it.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void OnBody(std::string_view /*piece*/) {}
  virtual void OnBodyEnd(std::string_view /*trailer*/) {}
  virtual void OnWritable() {}
  // Nobody waits for the answer any more: the caller went away, or its request broke off. What is
  // written from now on is dropped. The slot stays taken until Call::Finish or the answer's end.
  virtual void OnCallerGone() = 0;
  // The time for the response head, or for the whole exchange, is over: answer 504 and clean up, or
  // abort where the response has begun.
  virtual void OnTimeout() = 0;
};

// Told when a call gives its slot back.
class CallOwner {
 public:
  virtual ~CallOwner() = default;
  virtual void OnCallFinished(Call& call) = 0;
  virtual bool draining() const = 0;
  virtual void OnCallEvent(CallEvent event, std::string_view reason) = 0;  // of events.h
};

struct CallTimes {
  Duration timeout{};       // of this request: start → response head; 0: none
  Duration stream_idle{};   // silence after it; 0: none
  Duration max_duration{};  // 0: none
};

// One request inside the replica: it holds a slot from its creation to Finish. It knows its id and
// its deadlines, and stands between a mode and the connection, which may go away first. Belongs to
// the loop's thread and to the Front.
class Call final : public RequestHandler {
 public:
  Call(net::Loop& loop, ServerConnection& connection, CallOwner& owner, std::string id,
       const CallTimes& times);
  ~Call() override;

  const std::string& id() const { return id_; }
  // Valid while the caller is there: until OnCallerGone, or the answer's end.
  const http::RequestHead& head() const { return connection_->head(); }
  bool has_body() const { return connection_ != nullptr && connection_->has_body(); }
  std::string_view peer_ip() const { return connection_->peer_ip(); }
  std::string_view method() const { return method_; }
  bool caller_gone() const { return connection_ == nullptr; }
  bool begun() const { return status_ != 0; }
  bool started() const { return started_; }
  int status() const { return status_; }
  MonotonicTime accepted_at() const { return accepted_at_; }
  // When the function has to have answered; nullopt: no limit.
  std::optional<MonotonicTime> deadline() const { return deadline_; }

  void Start(std::unique_ptr<CallHandler> handler);  // the function takes it; the timeout runs
  void SetHandler(std::unique_ptr<CallHandler> handler);

  void ReadBody();
  void PauseBody();
  void ResumeBody();

  // The answer; see ServerConnection. The call adds its own fields.
  void Begin(int status, std::string_view reason, std::string_view fields,
             std::optional<uint64_t> length);
  bool Write(std::string_view piece);
  void End(std::string_view trailer = {});  // finishes the call
  void Flush();
  void Respond(int status, std::string_view fields, std::string_view body);
  void BeginTunnel(int status, std::string_view reason, std::string_view fields);
  // A tunnel's own direction is over; the call goes on until Finish.
  void EndTunnelWrite();
  // A tunnel is over in both directions: closes it in order, and finishes the call.
  void Close();
  // The platform's answers: an error where nothing was sent yet, else the connection is aborted.
  void Fail(int status, std::string_view component, std::string_view reason,
            std::string_view message);
  void FailNotStarted(std::string_view reason, std::string_view message);
  void Abort(std::string_view reason);  // of events.h
  // Gives the slot back without an answer. The call is destroyed at the end of this turn.
  void Finish();
  bool finished() const { return finished_; }

  void OnBody(std::string_view piece) override;
  void OnBodyEnd(std::string_view trailer) override;
  void OnBodyFailed(BodyFailure failure, http::ParseError error) override;
  void OnWritable() override;
  void OnPeerGone() override;

 private:
  void OnTimer();
  void OnTotalTimer();
  void Expire(std::string_view kind);
  void Touch() { active_at_ = loop_.Now(); }
  std::string WithOwnFields(std::string_view fields) const;
  void ArmAfterHead();

  net::Loop& loop_;
  ServerConnection* connection_;
  CallOwner& owner_;
  std::unique_ptr<CallHandler> handler_;
  std::string id_;
  std::string method_;
  CallTimes times_;
  MonotonicTime accepted_at_;
  MonotonicTime started_at_;
  MonotonicTime active_at_{};
  std::optional<MonotonicTime> deadline_;
  net::Timer timer_;
  net::Timer total_timer_;
  int status_ = 0;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace hearth::watchdog
