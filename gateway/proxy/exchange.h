#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/http/message.h"
#include "core/http/writer.h"
#include "core/net/loop.h"
#include "gateway/proxy/body.h"
#include "gateway/proxy/call_stamp.h"
#include "gateway/proxy/interfaces.h"
#include "gateway/proxy/table_pin.h"
#include "gateway/proxy/upstream.h"
#include "gateway/proxy/websocket_frames.h"
#include "gateway/route/table.h"

namespace hearth::proxy {

class ClientConnection;
class Worker;
class ExchangeWaiter;
struct Destination;
struct LocalHead;
struct PlatformError;

// One request and its answer: finds the route, waits for a slot, sends the request to a replica,
// streams both ways, and tries again where that is allowed. A state machine driven by its client
// connection, its upstream connection, its deadlines and its place in the queue. One object serves
// all requests of a connection in turn, so that a warm request allocates nothing. Loop's thread.
//
//   idle → queued → connecting → awaiting head → streaming → idle
//            ↑___________|______________|              ↘ tunnel → idle
//   (any) → discarding → idle: answered already, reading the rest of a small body
class Exchange final : public UpstreamUser {
 public:
  Exchange(Worker& worker, ClientConnection& client);
  ~Exchange() override;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  bool active() const { return phase_ != Phase::kIdle; }
  bool used() const { return arrival_ != MonotonicTime{}; }  // a request has come
  bool request_complete() const { return body_.done() && phase_ != Phase::kTunnel; }
  bool streaming() const { return attached_; }

  // `head` is valid during the call only.
  void Start(const http::RequestHead& head);
  bool AcceptsClientBytes() const;
  size_t OnClientBytes(std::string_view bytes);  // how many were taken
  void OnBatchEnd();
  // Lets the kernel move the request's body where that pays; kNone: read and hand over the bytes.
  enum class Moved : uint8_t { kNone, kSome, kWait, kBlocked };
  Moved SpliceBody(net::Stream& client);
  void OnClientWritable();
  void OnClientEof();
  void OnClientHangup();  // the connection stirs again after its end
  // The client is gone: everything is freed at once.
  void Abandon(std::string_view reason);

  MonotonicTime NextDeadline() const;
  void OnDeadline(MonotonicTime now);
  void OnRoutesChanged();
  void OnDrain();

 private:
  friend class ExchangeWaiter;
  enum class Phase : uint8_t {
    kIdle,
    kQueued,
    kConnecting,
    kAwaitingHead,
    kStreaming,
    kTunnel,
    kDiscarding
  };
  // What of a route's policy (or of a forward target) matters while it runs.
  struct Terms {
    Duration head_timeout{};
    Duration stream_idle_timeout{};
    Duration max_duration{};
    uint64_t max_body_bytes = 0;
    bool has_watchdog = false;
  };

  struct Trace : RequestTrace {
    std::vector<std::pair<std::string, std::string>> fields;  // instead of the client's
  };

  // exchange.cc: beginning and end
  void Reset(const http::RequestHead& head);
  void StartFunction(const http::RequestHead& head, const Destination& to);
  void StartOther(const http::RequestHead& head);
  void RedirectToTls(const http::RequestHead& head);
  bool RefuseBody(const http::RequestHead& head);
  void PrepareHead(const http::RequestHead& head, std::string_view path,
                   std::span<const std::pair<std::string, std::string>> replace);
  void AnswerLocally(const LocalResponse& response);
  LocalHead BeginLocalAnswer(int status);
  void EndLocalAnswer(const LocalHead& with, std::string_view text, size_t body_size,
                      std::string_view reason);
  void Fail(const PlatformError& error);
  void FailUnknown(const Destination& to);
  void Finish(std::string_view reason);  // records, frees; the phase is idle afterwards
  void Record(std::string_view reason);
  void DropUpstream();
  RequestContext Context() const;

  // exchange_trace.cc: what makes a request visible to those who ask for it
  void BeginTrace(const http::RequestHead& head);
  std::string_view TimingLine();  // Server-Timing, with CR LF

  // exchange_attempt.cc: slot, connection, request
  void AskForSlot();
  void Wait(route::FunctionState::Place place);
  void FailQueueFull();
  void OnWaitOver();
  void OnSlot(route::Slot slot);
  void BeginAttempt();
  void OnConnected(absl::StatusOr<std::unique_ptr<net::Stream>> result);
  void OnConnectFailed(const absl::Status& status);
  void SetReplicaAside(std::string_view reason, bool certain);
  void SendRequest();
  void ForwardBody(const BodyBatch& batch);
  bool MayRetry() const;
  void OnUpstreamDied();  // before a byte of the answer
  void Retry(std::string_view reason);
  void OnBusy();
  void BodyTooLarge();
  void LetGoOfTable(MonotonicTime now);

  // exchange_response.cc
  void OnUpstreamReadable() override;
  void OnUpstreamWritable() override;
  Moved SpliceResponse();
  void TakeResponse(std::string_view bytes);
  bool TakeHead(std::string_view* bytes);
  void BeginResponse(const http::ResponseHead& head, std::string_view rest);
  void ForwardResponse(std::string_view head, std::string_view rest);
  void OnUpstreamEnd(bool reset);
  void FinishResponse(bool clean);
  void BreakResponse(std::string_view reason);
  Duration BodyIdleTimeout() const;
  bool DeadlinePassed(MonotonicTime now);
  void ProbeClient(MonotonicTime now);

  // exchange_tunnel.cc
  void BeginTunnel(const http::ResponseHead& head, std::string_view rest);
  size_t TunnelFromClient(std::string_view bytes);
  void TunnelFromUpstream(std::string_view bytes);
  void OnTunnelEnd(bool from_client);
  void SayGoingAway();
  void CheckTunnelDone();

  Worker& worker_;
  ClientConnection& client_;
  Phase phase_ = Phase::kIdle;

  // The request.
  TablePin table_;
  std::shared_ptr<const route::Function> own_function_;  // of a long one, instead of the table
  const route::Function* function_ = nullptr;
  Terms terms_;
  std::string method_;
  std::string path_;
  std::string user_agent_;
  CallStamp stamp_;
  http::HeadBuffer head_;   // for the replica
  size_t common_head_ = 0;  // of it, what is the same in each attempt
  http::BodyKind body_kind_ = http::BodyKind::kNone;
  uint64_t content_length_ = 0;
  BodyReader body_;
  std::string replay_;  // what came of the body, while it may be needed again
  bool replayable_ = true;
  bool http10_ = false;
  bool keep_alive_ = true;
  bool head_method_ = false;
  bool idempotent_ = false;
  bool expects_continue_ = false;
  bool upgrade_ = false;
  std::string forward_address_;  // of a request that is no function's
  uint64_t caller_timeout_ms_ = 0;
  bool wants_timing_ = false;
  std::string timing_;
  bool traced_ = false;
  std::unique_ptr<Trace> trace_;  // made by the first one

  // The attempt.
  route::Slot slot_;
  std::shared_ptr<ExchangeWaiter> waiter_;
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<Upstream> upstream_;
  uint32_t attempts_ = 0;
  uint32_t hopeless_ = 0;       // failed attempts at replicas that could not be set aside
  bool attached_ = false;       // the request's head is on its way to upstream_
  bool upstream_deaf_ = false;  // writing failed; an answer may still be there to read
  bool upstream_paused_ = false;
  bool slow_client_ = false;  // reading has been paused for it
  bool cold_ = false;

  // The answer.
  int status_ = 0;
  bool response_begun_ = false;
  bool refused_ = false;  // answered by the gateway itself, for a reason
  bool upstream_keep_alive_ = false;
  http::BodyKind out_framing_ = http::BodyKind::kNone;
  BodyReader response_body_;
  std::string replica_id_;

  // A tunnel.
  bool websocket_ = false;
  bool was_tunnel_ = false;
  WebSocketFrames frames_;
  bool going_away_wanted_ = false;
  bool going_away_said_ = false;
  bool client_ended_ = false;
  bool upstream_ended_ = false;

  // Times and counts.
  MonotonicTime arrival_{};
  MonotonicTime slot_taken_{};
  MonotonicTime progress_{};         // of the answer or the tunnel
  MonotonicTime client_progress_{};  // of the request's body
  MonotonicTime sent_{};             // its head went to the replica, the last time
  MonotonicTime first_byte_{};
  MonotonicTime probe_at_{};  // when to ask whether a half-closed client still listens
  MonotonicTime tunnel_until_{};
  Duration queued_{};
  net::Timer go_on_;  // with reading the answer, in the next turn
  uint32_t probes_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
};

}  // namespace hearth::proxy
