#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/linked_list.h"
#include "core/http/parser.h"
#include "core/net/buffer.h"
#include "core/net/loop.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/interfaces.h"
#include "gateway/proxy/outbox.h"
#include "gateway/proxy/splicer.h"

namespace hearth::proxy {

class Worker;
struct PlatformError;

// One client's connection: finds requests in what it sends and runs them one after the other, each
// as the one Exchange it holds. Owned by the Worker, which destroys it after Retire. Loop's thread.
class ClientConnection final : public net::StreamHandler, public ListLink {
 public:
  // `is_stream`: one request of an HTTP/2 connection.
  ClientConnection(Worker& worker, std::unique_ptr<net::Stream> stream, ListenerKind kind,
                   bool is_stream);
  ~ClientConnection() override;

  void Begin();

  // For the exchange.
  bool Send(std::span<const iovec> pieces);  // false: the client is gone, and this is closed
  bool Send(std::string_view bytes);
  // Moves up to `limit` bytes of an answer's body from `from`, without looking at them. Where the
  // client is dead this is closed, as by Send.
  Splicer::Result SpliceFrom(net::Stream& from, uint64_t limit);
  size_t unsent() const { return out_.pending(); }
  // Body or tunnel bytes are welcome again.
  void ResumeReading();
  // True while received bytes are being taken apart: the exchange waits with its first write until
  // it has seen those that belong to it (OnBatchEnd).
  bool processing() const { return processing_; }
  enum class After : uint8_t {
    kKeepAlive,
    kClose,   // everything of the request was read
    kLinger,  // the client may still be sending: read on for a moment, so that it gets the answer
  };
  void OnExchangeDone(After after);
  void ShutdownAfterFlush();  // half-close, for a tunnel
  void Break();               // the answer cannot be completed: reset
  void EnsureTimer(MonotonicTime deadline);
  bool eof() const { return eof_; }
  ListenerKind kind() const { return kind_; }
  bool is_stream() const { return is_stream_; }
  bool encrypted() const { return encrypted_; }
  std::string_view client_ip() const { return stream_->peer_ip(); }

  // For the worker.
  void TakeTurn();  // after Worker::WaitItsTurn: its turn has come
  void OnRoutesChanged() { exchange_.OnRoutesChanged(); }
  void OnDrain();
  void CutOff();

 private:
  enum class State : uint8_t { kOpen, kFlushing, kLingering, kClosed };
  void OnReadable() override;
  void OnWritable() override;
  void OnTimer();
  void CountTimeout();

  bool WantsBytes() const;
  bool MustWaitItsTurn();
  size_t ReadLimit() const;
  size_t Process(std::string_view bytes);
  bool ProcessHead(std::string_view bytes, size_t* used);
  void ProcessBuffered();
  void EndBatch();
  void OnEof();
  void OnReset();
  void BecomeHttp2(std::string_view early);
  void Reject(int status, std::string_view reason, std::string_view message);
  void CloseWhenFlushed(After after);
  void FinishClose();
  void Close();

  Worker& worker_;
  const ListenerKind kind_;
  const bool is_stream_;
  const bool encrypted_;
  std::unique_ptr<net::Stream> stream_;
  net::Buffer in_;  // a head that came in pieces, or what came early
  Outbox out_;
  http::HeadParser parser_;
  Exchange exchange_;
  net::Timer timer_;
  net::Timer go_on_;  // with reading, in the next turn
  MonotonicTime armed_for_{};
  MonotonicTime idle_deadline_{};  // while no exchange is active
  State state_ = State::kOpen;
  After after_flush_ = After::kClose;
  bool processing_ = false;
  bool read_blocked_ = false;  // bytes may be waiting in the socket
  bool has_turn_ = false;      // its turn has come: one request may be read
  bool head_begun_ = false;
  bool eof_ = false;
  bool shutdown_wanted_ = false;
  size_t lingered_ = 0;
};

}  // namespace hearth::proxy
