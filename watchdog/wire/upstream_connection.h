#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/message.h"
#include "core/http/parser.h"
#include "core/net/buffer.h"
#include "core/net/loop.h"

namespace hearth::watchdog {

enum class UpstreamFailure : uint8_t {
  kClosed,  // before the first byte of a response
  kNotHttp,
  kTruncated,  // inside the response
};

// What a connection to the function's server tells the request that uses it.
class UpstreamHandler {
 public:
  virtual ~UpstreamHandler() = default;
  // Views are valid during the call. With status 101 what follows is raw bytes.
  virtual void OnResponseHead(const http::ResponseHead& head) = 0;
  virtual void OnResponseData(std::string_view piece) = 0;
  virtual void OnResponseEnd(std::string_view trailer) = 0;
  virtual void OnUpstreamWritable() = 0;  // after Write returned false
  virtual void OnUpstreamFailed(UpstreamFailure failure) = 0;
};

// Whoever keeps idle connections.
class UpstreamOwner {
 public:
  virtual ~UpstreamOwner() = default;
  // The peer closed it, or it failed; to be destroyed at the end of this turn.
  virtual void OnUpstreamClosed(class UpstreamConnection& connection) = 0;
};

// The client's side of one HTTP/1.1 connection to the function's own server: one request after the
// other, both bodies streamed with backpressure, tunnels after 101. Belongs to the loop's thread.
class UpstreamConnection final : public net::StreamHandler {
 public:
  static constexpr size_t kWatermark = 256 * 1024;

  UpstreamConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream, UpstreamOwner& owner,
                     net::BufferPool* buffers = nullptr);
  ~UpstreamConnection() override;

  // Still good for another request; looks for a close that has not been told yet.
  bool Usable();

  // Begins a request. `head` is the whole head, with the empty line. The method decides how the
  // response ends. Sent together with what follows, at Write, EndBody or Flush.
  void Start(UpstreamHandler* handler, std::string_view method, std::string_view head,
             bool chunked_body);
  bool Write(std::string_view piece);  // false: enough is waiting
  void EndBody(std::string_view trailer = {});
  void Flush();
  void Pause() { paused_ = true; }
  void Resume();
  // The request may not go on: the connection is closed and no callback follows.
  void Abandon();
  // After OnResponseEnd: may it be used again? Not while the request's body is still being sent.
  bool reusable() const {
    return reusable_ && body_done_ && out_.empty() && state_ == State::kIdle;
  }
  bool reused() const { return requests_ > 1; }
  MonotonicTime idle_since() const { return idle_since_; }
  // Inside OnResponseHead: nothing has come of the body.
  bool only_holds(const http::ResponseHead& head) const { return in_.size() == head.size; }
  bool tunnel() const { return state_ == State::kTunnel; }
  void EndTunnelWrite();

  void OnReadable() override;
  void OnWritable() override;

 private:
  enum class State : uint8_t { kIdle, kHead, kBody, kTunnel, kClosed };
  void ReadLoop();
  void Process();
  bool ProcessHead();
  bool ProcessBody();
  void End(std::string_view trailer);
  void PeerEof();
  void Fail(UpstreamFailure failure);
  void Close();

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  UpstreamOwner& owner_;
  UpstreamHandler* handler_ = nullptr;
  http::HeadParser parser_;
  http::ChunkedDecoder chunks_;
  std::string method_;
  net::Buffer in_;
  net::Buffer out_;
  uint64_t body_left_ = 0;
  MonotonicTime idle_since_{};
  uint64_t requests_ = 0;
  http::BodyKind body_kind_ = http::BodyKind::kNone;
  State state_ = State::kIdle;
  bool chunked_request_ = false;
  bool body_done_ = true;
  bool reusable_ = true;
  bool may_read_ = true;
  bool eof_ = false;
  bool paused_ = false;
  bool blocked_ = false;
  bool write_stalled_ = false;  // the kernel takes no more for now
  bool processing_ = false;
  bool end_write_ = false;  // half-close once everything is out
};

}  // namespace hearth::watchdog
