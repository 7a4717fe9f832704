#include "watchdog/wire/upstream_connection.h"

#include <algorithm>
#include <utility>

#include "core/http/writer.h"

namespace hearth::watchdog {
namespace {

constexpr size_t kReadSize = 16 * 1024;
constexpr size_t kBulkReadSize = 256 * 1024;
constexpr uint64_t kBulkBody = 64 * 1024;
constexpr Duration kSurelyOpen = std::chrono::seconds(1);

}  // namespace

UpstreamConnection::UpstreamConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                       UpstreamOwner& owner, net::BufferPool* buffers)
    : loop_(loop), stream_(std::move(stream)), owner_(owner), in_(buffers), out_(buffers) {
  stream_->SetHandler(this);
}

UpstreamConnection::~UpstreamConnection() { stream_->SetHandler(nullptr); }

bool UpstreamConnection::Usable() {
  if (state_ != State::kIdle || !reusable()) return false;
  // Servers close what has been idle for seconds; what was busy just now is not worth a system
  // call.
  if (loop_.Now() - idle_since_ < kSurelyOpen) return true;
  char probe[1];
  const net::IoResult r = stream_->Read(probe);
  if (r.status == net::IoStatus::kWouldBlock) {
    may_read_ = false;
    return true;
  }
  return false;
}

void UpstreamConnection::Start(UpstreamHandler* handler, std::string_view method,
                               std::string_view head, bool chunked_body) {
  handler_ = handler;
  method_ = method;
  ++requests_;
  state_ = State::kHead;
  chunked_request_ = chunked_body;
  body_done_ = paused_ = blocked_ = false;
  parser_.Reset();
  chunks_.Reset();
  out_.append(head);
}

bool UpstreamConnection::Write(std::string_view piece) {
  if (state_ == State::kClosed || piece.empty()) return true;
  char size[24];
  const bool chunk = chunked_request_ && state_ != State::kTunnel;
  if (chunk) out_.append(size, http::WriteChunkSize(piece.size(), size));
  iovec parts[2] = {{const_cast<char*>(out_.data()), out_.size()},
                    {const_cast<char*>(piece.data()), piece.size()}};
  size_t done = 0;
  if (!write_stalled_) {
    const size_t skip = out_.empty() ? 1 : 0;
    const net::IoResult r = stream_->Write({parts + skip, 2 - skip});
    if (r.status == net::IoStatus::kReset) {
      // What the peer said before it closed is still to be read.
      body_done_ = true;
      reusable_ = false;
      out_.Clear();
      may_read_ = true;
      if (!processing_) ReadLoop();
      return true;
    }
    if (r.status == net::IoStatus::kOk) done = r.bytes;
    write_stalled_ = done < out_.size() + piece.size();
  }
  const size_t old = std::min(done, out_.size());
  out_.Consume(old);
  out_.append(piece.substr(done - old));
  if (chunk) out_.append("\r\n");
  if (out_.size() >= kWatermark) blocked_ = true;
  return !blocked_;
}

void UpstreamConnection::EndBody(std::string_view trailer) {
  if (state_ == State::kClosed || body_done_) return;
  if (chunked_request_) {
    out_.append(trailer.empty() ? http::kLastChunk : std::string_view("0\r\n"));
    if (!trailer.empty()) {
      out_.append(trailer);
      out_.append("\r\n");
    }
  }
  body_done_ = true;
  Flush();
}

void UpstreamConnection::EndTunnelWrite() {
  end_write_ = true;
  Flush();
}

void UpstreamConnection::Flush() {
  if (state_ == State::kClosed || write_stalled_) return;
  if (!out_.empty()) {
    const net::IoResult r = WriteAllOf(*stream_, out_.view());
    if (r.status == net::IoStatus::kReset) {
      reusable_ = false;
      out_.Clear();
      may_read_ = true;
      if (!processing_) ReadLoop();
      return;
    }
    if (r.status == net::IoStatus::kOk) out_.Consume(r.bytes);
    write_stalled_ = !out_.empty();
    out_.ReleaseIfEmpty();
  }
  if (out_.empty() && end_write_) {
    end_write_ = false;
    stream_->ShutdownWrite();
  }
}

void UpstreamConnection::OnWritable() {
  write_stalled_ = false;
  Flush();
  if (blocked_ && out_.size() <= kWatermark / 2) {
    blocked_ = false;
    if (handler_ != nullptr) handler_->OnUpstreamWritable();
  }
}

void UpstreamConnection::Resume() {
  if (!paused_) return;
  paused_ = false;
  if (processing_) return;
  Process();
  ReadLoop();
}

void UpstreamConnection::OnReadable() {
  may_read_ = true;
  ReadLoop();
}

void UpstreamConnection::ReadLoop() {
  while (may_read_ && !eof_ && state_ != State::kClosed && !paused_) {
    const bool bulk = state_ == State::kBody && body_left_ > kBulkBody;
    const std::span<char> space = in_.Prepare(bulk ? kBulkReadSize : kReadSize);
    const net::IoResult r = stream_->Read(space);
    if (r.status == net::IoStatus::kWouldBlock) {
      may_read_ = false;
    } else if (r.status == net::IoStatus::kOk) {
      in_.Commit(r.bytes);
      if (r.bytes < space.size()) may_read_ = false;
      if (state_ == State::kIdle) {
        Close();  // bytes that nobody asked for
      } else {
        Process();
      }
    } else {
      eof_ = true;
      if (r.status == net::IoStatus::kReset && state_ == State::kBody) {
        body_kind_ = http::BodyKind::kLength;  // a reset is no orderly end of a body
        body_left_ = std::max<uint64_t>(body_left_, 1);
      }
      PeerEof();
    }
  }
  if (state_ != State::kBody) in_.ReleaseIfEmpty();  // a body's next piece needs it at once
}

void UpstreamConnection::Process() {
  if (processing_) return;
  processing_ = true;
  bool more = true;
  while (more && !paused_) {
    switch (state_) {
      case State::kHead:
        more = ProcessHead();
        break;
      case State::kBody:
        more = ProcessBody();
        break;
      case State::kTunnel: {
        more = false;
        const std::string_view piece = in_.view();
        if (!piece.empty()) handler_->OnResponseData(piece);
        in_.Consume(piece.size());
        break;
      }
      default:
        more = false;
    }
  }
  processing_ = false;
  if (eof_ && in_.empty() && !paused_) PeerEof();
}

bool UpstreamConnection::ProcessHead() {
  http::ResponseHead head;
  const http::ParseState parsed = parser_.ParseResponse(in_.view(), method_, &head);
  if (parsed == http::ParseState::kNeedMore) return false;
  if (parsed == http::ParseState::kError) {
    Fail(UpstreamFailure::kNotHttp);
    return false;
  }
  parser_.Reset();
  if (head.status >= 100 && head.status < 200 && head.status != 101) {
    in_.Consume(head.size);  // the caller's 100 Continue is ours to send
    return !in_.empty();
  }
  if (!head.keep_alive || head.body == http::BodyKind::kUntilClose) reusable_ = false;
  body_kind_ = head.body;
  body_left_ = head.body == http::BodyKind::kLength ? head.content_length : 0;
  state_ = State::kBody;
  if (head.status == 101) {
    state_ = State::kTunnel;
    reusable_ = false;
    body_done_ = true;
    chunked_request_ = false;
  }
  handler_->OnResponseHead(head);
  if (state_ == State::kClosed) return false;
  in_.Consume(head.size);
  if (state_ == State::kTunnel) return true;
  if (body_kind_ == http::BodyKind::kNone ||
      (body_kind_ == http::BodyKind::kLength && body_left_ == 0)) {
    End({});
    return false;
  }
  return true;
}

bool UpstreamConnection::ProcessBody() {
  if (in_.empty()) return false;
  if (body_kind_ == http::BodyKind::kChunked) {
    const http::ChunkedDecoder::Result r = chunks_.Feed(in_.view());
    if (r.state == http::ParseState::kError) {
      Fail(UpstreamFailure::kNotHttp);
      return false;
    }
    if (!r.payload.empty()) handler_->OnResponseData(r.payload);
    if (state_ == State::kClosed) return false;
    in_.Consume(r.consumed);
    if (r.state == http::ParseState::kDone) {
      End(chunks_.trailer());
      return false;
    }
    return r.consumed > 0;
  }
  std::string_view piece = in_.view();
  if (body_kind_ == http::BodyKind::kLength) {
    piece = piece.substr(0, static_cast<size_t>(std::min<uint64_t>(body_left_, piece.size())));
    body_left_ -= piece.size();
  }
  handler_->OnResponseData(piece);
  if (state_ == State::kClosed) return false;
  in_.Consume(piece.size());
  if (body_kind_ == http::BodyKind::kLength && body_left_ == 0) {
    End({});
    return false;
  }
  return true;
}

void UpstreamConnection::End(std::string_view trailer) {
  state_ = State::kIdle;
  idle_since_ = loop_.Now();
  if (!in_.empty() || eof_) reusable_ = false;
  UpstreamHandler* handler = std::exchange(handler_, nullptr);
  handler->OnResponseEnd(trailer);
}

void UpstreamConnection::PeerEof() {
  if (!in_.empty() && paused_) return;  // the rest goes out first
  switch (state_) {
    case State::kIdle:
      Close();
      break;
    case State::kHead:
      Fail(in_.empty() ? UpstreamFailure::kClosed : UpstreamFailure::kNotHttp);
      break;
    case State::kBody:
      if (body_kind_ == http::BodyKind::kUntilClose) {
        End({});
      } else {
        Fail(UpstreamFailure::kTruncated);
      }
      break;
    case State::kTunnel: {
      UpstreamHandler* handler = std::exchange(handler_, nullptr);
      if (handler != nullptr) handler->OnResponseEnd({});
      break;
    }
    case State::kClosed:
      break;
  }
}

void UpstreamConnection::Fail(UpstreamFailure failure) {
  UpstreamHandler* handler = std::exchange(handler_, nullptr);
  Close();
  if (handler != nullptr) handler->OnUpstreamFailed(failure);
}

void UpstreamConnection::Abandon() {
  handler_ = nullptr;
  if (state_ == State::kClosed) return;
  stream_->Abort();
  Close();
}

void UpstreamConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  reusable_ = false;
  stream_->SetHandler(nullptr);
  stream_->ShutdownWrite();
  owner_.OnUpstreamClosed(*this);
}

}  // namespace hearth::watchdog
