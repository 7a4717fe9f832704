#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/message.h"
#include "core/http/parser.h"
#include "core/net/buffer.h"
#include "core/net/loop.h"

namespace hearth::watchdog {

class ServerConnection;

enum class BodyFailure : uint8_t { kMalformed, kTooLarge, kTimeout, kCutOff };

// What a connection tells whoever answers its current request.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual void OnBody(std::string_view piece) = 0;
  virtual void OnBodyEnd(std::string_view trailer) = 0;  // trailer lines, "Name: value\r\n" each
  // The body will not be whole. A response may still be given where none was begun.
  virtual void OnBodyFailed(BodyFailure failure, http::ParseError error) = 0;
  virtual void OnWritable() = 0;  // after Write returned false
  // The peer is gone before the response ended; the connection must not be used any more.
  virtual void OnPeerGone() = 0;
};

// Whoever accepted the connection.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  // A request head is there: SetHandler and then ReadBody, or a response.
  virtual void OnRequest(ServerConnection& connection) = 0;
  // It is over; to be destroyed, but not before this turn of the loop ends (Loop::Defer).
  virtual void OnConnectionClosed(ServerConnection& connection) = 0;
  // For those who count: bytes that are no request were answered, or a limit of the connection's
  // own was reached ("request_head", "idle", "linger", "write").
  virtual void OnHeadRefused(std::string_view /*reason*/) {}
  virtual void OnConnectionTimeout(std::string_view /*kind*/) {}
};

struct ConnectionOptions {
  http::Limits limits;
  net::BufferPool* buffers = nullptr;  // where connections take their buffers from; null: the heap
  uint64_t max_body = 0;               // 0: none
  size_t watermark = 256 * 1024;
  Duration head_timeout = std::chrono::seconds(10);
  Duration body_timeout = std::chrono::seconds(30);
  Duration write_timeout = std::chrono::seconds(60);
  Duration idle_timeout = std::chrono::seconds(75);
};

// The server's side of one HTTP/1.1 connection: requests in, responses out, both streamed with
// backpressure; trailers, 100-continue, tunnels, half-closed peers. Nothing of a body is read
// before ReadBody, so that a full replica can refuse first. Belongs to the loop's thread and to its
// owner.
class ServerConnection final : public net::StreamHandler {
 public:
  ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                   const ConnectionOptions& options, ConnectionOwner& owner);
  ~ServerConnection() override;

  void SetHandler(RequestHandler* handler) { handler_ = handler; }

  // The current request. Valid until its response has ended.
  const http::RequestHead& head() const { return head_; }
  std::string_view peer_ip() const { return stream_->peer_ip(); }
  bool has_body() const { return head_.body != http::BodyKind::kNone; }
  void ReadBody();
  void PauseBody() { paused_ = true; }
  void ResumeBody();

  // The response. `fields`: "Name: value\r\n" lines without Content-Length, Transfer-Encoding and
  // Connection, which are added: chunked where `length` is unset. Nothing is sent before the first
  // Write, End or Flush.
  void Begin(int status, std::string_view reason, std::string_view fields,
             std::optional<uint64_t> length);
  bool Write(std::string_view piece);  // false: enough is waiting; OnWritable follows
  void End(std::string_view trailer = {});
  void Flush();
  void Respond(int status, std::string_view fields, std::string_view body);
  bool begun() const { return output_ != Output::kNone; }

  // Answers 101 (or what `status` says) and hands bytes through from then on: OnBody, OnBodyEnd at
  // the peer's half-close, Write, End for ours.
  void BeginTunnel(int status, std::string_view reason, std::string_view fields);

  void CloseAfterResponse() { close_after_ = true; }
  bool has_unsent() const { return input_ != Input::kClosed && !out_.empty(); }
  void Abort();  // resets the connection
  uint64_t sent_bytes() const { return sent_; }

  void OnReadable() override;
  void OnWritable() override;

 private:
  enum class Input : uint8_t { kHead, kBodyHeld, kBody, kDone, kTunnel, kLinger, kClosed };
  enum class Output : uint8_t { kNone, kHead, kBody, kEnded };

  void ReadLoop();
  void Process();
  bool ProcessHead();  // false: more input is needed
  bool ProcessBody();
  bool ProcessChunked();
  void Discard();
  void KeepHead(std::string_view bytes);
  void BodyDone(std::string_view trailer);
  void FailBody(BodyFailure failure, http::ParseError error);
  void RefuseHead(int status, std::string_view reason, std::string_view message);
  void PeerEof();
  void FinishExchange();
  void StartLinger();
  void Close();
  void OnReadTimeout();
  void ArmRead(Duration timeout);
  bool WantsInput() const;

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  const ConnectionOptions& options_;
  ConnectionOwner& owner_;
  RequestHandler* handler_ = nullptr;

  http::HeadParser parser_;
  http::ChunkedDecoder chunks_;
  http::RequestHead head_;
  std::string head_text_;  // what head_'s views point into
  net::Buffer in_;
  net::Buffer out_;
  uint64_t body_left_ = 0;
  uint64_t body_seen_ = 0;
  uint64_t sent_ = 0;
  uint64_t length_left_ = 0;
  net::Timer read_timer_;
  net::Timer write_timer_;
  Input input_ = Input::kHead;
  Output output_ = Output::kNone;
  bool head_begun_ = false;  // its first bytes are there; the clock runs
  bool chunked_ = false;
  bool no_body_ = false;  // HEAD, 204, 304
  bool may_read_ = true;  // the kernel may hold more
  bool eof_ = false;
  bool paused_ = false;
  bool discard_ = false;  // the response ended first; the rest of the body is thrown away
  bool close_after_ = false;
  bool blocked_ = false;  // Write returned false
  bool processing_ = false;
};

}  // namespace hearth::watchdog
