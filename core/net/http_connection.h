#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/body.h"
#include "core/net/http_server.h"

namespace hearth::net {

class ServerConnection;

// The handler's half of a request: what it holds on to. Loses its connection when that closes, or
// when the answer is complete.
class ExchangeImpl final : public ServerExchange,
                           public std::enable_shared_from_this<ExchangeImpl> {
 public:
  ExchangeImpl(ServerConnection* connection, ServerRequest request)
      : connection_(connection), request_(std::move(request)) {}
  ~ExchangeImpl() override;

  const ServerRequest& request() const override { return request_; }
  void ReadBody(std::function<void(std::string_view)> on_data,
                std::function<void(bool)> on_end) override;
  void PauseBody() override { body_paused = true; }
  void ResumeBody() override;
  void Respond(int status, const Headers& headers, std::string_view body) override;
  void RespondError(int status, std::string_view reason, std::string_view message) override;
  void Begin(int status, const Headers& headers) override;
  bool Write(std::string_view piece) override;
  void End() override;
  void Abort() override;
  void OnDrained(std::function<void()> callback) override { on_drained = std::move(callback); }
  void OnClosed(std::function<void()> callback) override { on_closed = std::move(callback); }
  bool closed() const override { return closed_; }
  bool responded() const override { return responded_; }

  bool wants_body() const { return on_data != nullptr && !body_paused && !body_ended_; }
  void DeliverEnd(bool complete);
  // The connection is through with it: after the whole answer, or because it closed.
  void Detach(bool closed) {
    connection_ = nullptr;
    closed_ = closed_ || closed;
  }
  void NotifyClosed();
  // Handlers capture the exchange in its own callbacks: once nothing can come any more, the circle
  // is broken here.
  void ClearCallbacks();

  std::function<void(std::string_view)> on_data;
  std::function<void(bool)> on_end;
  std::function<void()> on_drained;
  std::function<void()> on_closed;
  bool body_paused = false;

 private:
  ServerConnection* connection_;
  ServerRequest request_;
  bool closed_ = false;
  bool responded_ = false;
  bool body_ended_ = false;
};

// What a connection needs of its server. Outlives it or is told by Orphan.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual void OnRequest(std::shared_ptr<ExchangeImpl> exchange) = 0;
  virtual BodyMode ModeOf(const ServerRequest& request) = 0;
  virtual bool draining() const = 0;
  // Destroys the connection at the end of the turn.
  virtual void OnConnectionClosed(ServerConnection* connection) = 0;
};

// One client's connection: reads a request, lets the handler answer, reads the next. Never
// destroyed inside its own methods: Close hands it to the host, which defers that.
class ServerConnection final : public StreamHandler {
 public:
  ServerConnection(Loop& loop, const HttpServerOptions& options, ConnectionHost& host,
                   std::unique_ptr<Stream> stream);
  ~ServerConnection() override;

  void Start();
  void Close();        // at once; the exchange learns that its peer is gone
  void CloseIfIdle();  // draining
  bool idle() const { return state_ == State::kHead && in_.empty() && out_.empty(); }

  // The exchange's side.
  void BodyWanted();
  void BeginResponse(int status, const Headers& headers, const uint64_t* length);
  bool WriteBody(std::string_view piece);
  // All of a body of known length, however large; false: the connection broke.
  bool WriteWhole(std::string_view body);
  void Flush();
  void EndResponse();
  void AbortResponse();    // the exchange hears OnClosed, unless it asked for this itself
  void ExchangeDropped();  // its last holder let go
  const std::string& component() const { return options_.component; }

 private:
  enum class State : uint8_t {
    kHead,       // between requests or inside a head
    kBuffering,  // collecting a body before the handler runs
    kExchange,   // the handler has it
    kLinger,     // answered and closing: what the peer still sends is thrown away
    kClosed,
  };

  void OnReadable() override;
  void OnWritable() override;
  void OnTimeout();

  void ReadInput();
  void Process();  // until nothing more can be done with what is there
  bool ParseHead();
  void TakeHead();
  bool BufferBody();
  bool StreamBody();
  void FailBody(ExchangeImpl& exchange, int status, std::string_view reason,
                std::string_view message);
  void StartExchange();
  void Reject(int status, std::string_view reason, std::string_view message);
  void LetGoOfExchange(bool closed);
  void FinishExchange();
  void Linger();
  void ArmFor(Duration timeout) { loop_.ArmAfter(timer_, timeout); }
  void WriteHead(int status, const Headers& headers, const uint64_t* length);
  bool SendsContinue();
  void Later(void (ServerConnection::*method)());
  void ReadAndProcess() {
    ReadInput();
    Process();
  }

  Loop& loop_;
  const HttpServerOptions& options_;
  ConnectionHost& host_;
  std::unique_ptr<Stream> stream_;
  Buffer in_;
  Buffer out_;
  State state_ = State::kHead;
  http::HeadParser parser_;
  http::RequestHead head_;
  http::BodyReader body_;
  ServerRequest pending_;  // kBuffering: the request that is coming in
  ExchangeImpl* exchange_ = nullptr;
  Timer timer_;        // idle, head, body or linger, by state
  Timer write_timer_;  // the peer reads nothing
  uint64_t body_received_ = 0;
  uint64_t response_left_ = 0;  // of a Content-Length
  bool eof_ = false;
  bool processing_ = false;
  bool keep_alive_ = false;
  bool continue_owed_ = false;  // the client waits for "100 Continue"
  bool in_head_ = false;        // the head timeout runs
  bool response_begun_ = false;
  bool response_ended_ = false;
  bool response_chunked_ = false;
  bool response_has_length_ = false;
  bool response_bodyless_ = false;
  bool write_blocked_ = false;  // Write returned false
  bool is_head_request_ = false;
  bool shut_down_ = false;  // kLinger: our side is finished
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace hearth::net
