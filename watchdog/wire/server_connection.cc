#include "watchdog/wire/server_connection.h"

#include <poll.h>

#include <algorithm>

#include "core/http/writer.h"
#include "watchdog/wire/error_body.h"

namespace hearth::watchdog {
namespace {

constexpr size_t kReadSize = 16 * 1024;
constexpr size_t kBulkReadSize = 256 * 1024;
constexpr uint64_t kBulkBody = 64 * 1024;
// What is left of a request that was answered early is read and thrown away up to here; past it the
// connection is closed instead.
constexpr uint64_t kDiscardLimit = 64 * 1024;
constexpr Duration kLingerTime = std::chrono::seconds(2);
// Of later requests and of tunnelled bytes that wait while nobody may take them.
constexpr size_t kAheadLimit = 64 * 1024;

bool BodilessStatus(int status) { return status < 200 || status == 204 || status == 304; }

// Both directions of a Unix connection are closed: not just the peer's sending one.
bool HungUp(int fd) {
  if (fd < 0) return false;
  pollfd p{fd, 0, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

ServerConnection::ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                   const ConnectionOptions& options, ConnectionOwner& owner)
    : loop_(loop),
      stream_(std::move(stream)),
      options_(options),
      owner_(owner),
      parser_(options.limits),
      chunks_(options.limits),
      in_(options.buffers),
      out_(options.buffers),
      read_timer_([this] { OnReadTimeout(); }),
      write_timer_([this] {
        owner_.OnConnectionTimeout("write");
        Abort();
      }) {
  stream_->SetHandler(this);
  ArmRead(options_.idle_timeout);
}

ServerConnection::~ServerConnection() { stream_->SetHandler(nullptr); }

void ServerConnection::ArmRead(Duration timeout) {
  if (timeout > Duration::zero()) {
    loop_.ArmAfter(read_timer_, timeout);
  } else {
    read_timer_.Cancel();
  }
}

bool ServerConnection::WantsInput() const {
  switch (input_) {
    case Input::kHead:
      return true;
    case Input::kBody:
    case Input::kTunnel:
      return !paused_;
    case Input::kLinger:
      return true;
    // Only to notice that the peer goes away.
    case Input::kBodyHeld:
    case Input::kDone:
      return in_.size() < kAheadLimit;
    case Input::kClosed:
      return false;
  }
  return false;
}

void ServerConnection::OnReadable() {
  may_read_ = true;
  ReadLoop();
}

void ServerConnection::ReadLoop() {
  while (may_read_ && !eof_ && WantsInput()) {
    const size_t want =
        input_ == Input::kBody && body_left_ > kBulkBody ? kBulkReadSize : kReadSize;
    const std::span<char> space = in_.Prepare(want);
    const net::IoResult r = stream_->Read(space);
    if (r.status == net::IoStatus::kOk) {
      in_.Commit(r.bytes);
      if (r.bytes < space.size()) may_read_ = false;
      Process();
    } else if (r.status == net::IoStatus::kWouldBlock) {
      may_read_ = false;
    } else if (r.status == net::IoStatus::kEof) {
      eof_ = true;
      PeerEof();
    } else {
      Abort();
    }
  }
  if (input_ != Input::kBody) in_.ReleaseIfEmpty();  // a body's next piece needs it at once
}

void ServerConnection::Process() {
  if (processing_) return;
  processing_ = true;
  bool more = true;
  while (more && input_ != Input::kClosed) {
    switch (input_) {
      case Input::kHead:
        more = ProcessHead();
        break;
      case Input::kBody:
        more = ProcessBody();
        break;
      case Input::kTunnel:
        more = false;
        if (paused_ || in_.empty()) break;
        {
          const std::string_view piece = in_.view();
          handler_->OnBody(piece);
          in_.Consume(piece.size());
        }
        break;
      case Input::kLinger:
        in_.Clear();
        more = false;
        break;
      default:
        more = false;
    }
  }
  processing_ = false;
}

bool ServerConnection::ProcessHead() {
  if (output_ != Output::kNone) return false;  // a response is still going out
  if (in_.empty()) {
    if (eof_) Close();
    return false;
  }
  const http::ParseState state = parser_.ParseRequest(in_.view(), &head_);
  if (state == http::ParseState::kNeedMore) {
    if (eof_) {
      Close();
    } else if (!head_begun_) {
      head_begun_ = true;
      ArmRead(options_.head_timeout);
    }
    return false;
  }
  if (state == http::ParseState::kError) {
    RefuseHead(http::StatusFor(parser_.error()), http::NameOf(parser_.error()),
               "the request is not acceptable as HTTP");
    return false;
  }
  read_timer_.Cancel();
  KeepHead(in_.view().substr(0, head_.size));
  in_.Consume(head_.size);
  parser_.Reset();
  body_seen_ = 0;
  body_left_ = head_.body == http::BodyKind::kLength ? head_.content_length : 0;
  if (head_.body == http::BodyKind::kLength && body_left_ == 0) head_.body = http::BodyKind::kNone;
  if (!head_.keep_alive) close_after_ = true;
  input_ = has_body() ? Input::kBodyHeld : Input::kDone;
  paused_ = discard_ = blocked_ = false;
  handler_ = nullptr;
  owner_.OnRequest(*this);
  return true;
}

// Moves the head's text out of the input buffer and its views along.
void ServerConnection::KeepHead(std::string_view bytes) {
  head_text_.assign(bytes);
  const char* from = bytes.data();
  const char* to = head_text_.data();
  const auto move = [&](std::string_view v) {
    if (v.data() < from || v.data() > from + bytes.size()) return v;
    return std::string_view(to + (v.data() - from), v.size());
  };
  head_.method = move(head_.method);
  head_.target = move(head_.target);
  head_.path = move(head_.path);
  head_.query = move(head_.query);
  head_.host = move(head_.host);
  // In place: each field is read before its entry is written again.
  const http::HeaderField* fields = head_.headers.begin();
  const size_t count = head_.headers.size();
  head_.headers.Clear();
  for (size_t i = 0; i < count; ++i) {
    const http::HeaderField f = fields[i];
    head_.headers.Add({move(f.name), move(f.value), f.id, f.line_size});
  }
}

void ServerConnection::RefuseHead(int status, std::string_view reason, std::string_view message) {
  owner_.OnHeadRefused(reason);
  const ErrorAnswer answer = MakeError("watchdog", reason, message);
  head_ = {};
  close_after_ = true;
  input_ = Input::kDone;
  Respond(status, answer.fields, answer.body);
}

void ServerConnection::ReadBody() {
  if (input_ == Input::kDone) {
    if (!has_body() && handler_ != nullptr) handler_->OnBodyEnd({});
    return;
  }
  if (input_ != Input::kBodyHeld) return;
  input_ = Input::kBody;
  if (head_.expect_continue && in_.empty()) {
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
    Flush();
    if (input_ == Input::kClosed) return;
  }
  ArmRead(options_.body_timeout);
  if (processing_) return;
  Process();
  ReadLoop();
}

void ServerConnection::ResumeBody() {
  if (!paused_) return;
  paused_ = false;
  if (input_ == Input::kBody) ArmRead(options_.body_timeout);
  if (processing_) return;
  Process();
  ReadLoop();
}

bool ServerConnection::ProcessBody() {
  if (paused_ && !discard_) {
    read_timer_.Cancel();
    return false;
  }
  if (head_.body == http::BodyKind::kChunked) return ProcessChunked();
  if (in_.empty()) {
    if (eof_) FailBody(BodyFailure::kCutOff, http::ParseError::kNone);
    return false;
  }
  const std::string_view piece =
      in_.view().substr(0, static_cast<size_t>(std::min<uint64_t>(body_left_, in_.size())));
  body_left_ -= piece.size();
  ArmRead(options_.body_timeout);
  const bool last = body_left_ == 0;
  if (!discard_) handler_->OnBody(piece);
  if (input_ != Input::kBody) return true;  // the exchange ended inside the call
  in_.Consume(piece.size());
  if (last) BodyDone({});
  return true;
}

bool ServerConnection::ProcessChunked() {
  const http::ChunkedDecoder::Result r = chunks_.Feed(in_.view());
  if (r.state == http::ParseState::kError) {
    FailBody(BodyFailure::kMalformed, chunks_.error());
    return false;
  }
  body_seen_ += r.payload.size();
  if (options_.max_body != 0 && body_seen_ > options_.max_body) {
    FailBody(BodyFailure::kTooLarge, http::ParseError::kNone);
    return false;
  }
  if (!r.payload.empty() && !discard_) handler_->OnBody(r.payload);
  if (input_ != Input::kBody) return true;  // the exchange ended inside the call
  if (r.consumed > 0) ArmRead(options_.body_timeout);
  in_.Consume(r.consumed);
  if (r.state == http::ParseState::kDone) {
    BodyDone(chunks_.trailer());
    return true;
  }
  if (r.consumed == 0 || in_.empty()) {
    if (eof_) FailBody(BodyFailure::kCutOff, http::ParseError::kNone);
    return false;
  }
  return true;
}

void ServerConnection::BodyDone(std::string_view trailer) {
  input_ = Input::kDone;
  read_timer_.Cancel();
  if (!discard_ && handler_ != nullptr) handler_->OnBodyEnd(trailer);
  if (input_ == Input::kClosed) return;
  chunks_.Reset();
  if (output_ == Output::kEnded && out_.empty()) FinishExchange();
}

void ServerConnection::FailBody(BodyFailure failure, http::ParseError error) {
  if (discard_) {
    Close();
    return;
  }
  close_after_ = true;
  input_ = Input::kDone;
  read_timer_.Cancel();
  if (handler_ != nullptr) handler_->OnBodyFailed(failure, error);
}

void ServerConnection::PeerEof() {
  switch (input_) {
    case Input::kLinger:
      Close();
      return;
    case Input::kTunnel:
      input_ = Input::kDone;
      if (handler_ != nullptr) handler_->OnBodyEnd({});
      if (input_ == Input::kDone && output_ == Output::kEnded && out_.empty()) FinishExchange();
      return;
    case Input::kHead:
    case Input::kBody:
      Process();
      return;
    default:
      break;
  }
  // The request is whole. A peer that only ended its sending side still wants the answer.
  if (HungUp(stream_->fd())) Abort();
}

void ServerConnection::Begin(int status, std::string_view reason, std::string_view fields,
                             std::optional<uint64_t> length) {
  if (output_ != Output::kNone || input_ == Input::kClosed) return;
  output_ = Output::kHead;
  no_body_ = BodilessStatus(status) || head_.method == "HEAD";
  const bool http10 = head_.version == http::Version::kHttp10;
  chunked_ = !length && !http10 && !BodilessStatus(status);
  if (!length && http10) close_after_ = true;
  length_left_ = length.value_or(UINT64_MAX);
  // A body that nobody asked for: thrown away where it is short, else the connection ends here.
  if (input_ == Input::kBodyHeld &&
      (head_.expect_continue || head_.body == http::BodyKind::kChunked ||
       head_.content_length > kDiscardLimit)) {
    close_after_ = true;
  }
  http::HeadWriter<net::Buffer> w(&out_);
  w.StatusLine(status, reason);
  out_.append(fields);
  if (chunked_) {
    w.Field("Transfer-Encoding", "chunked");
  } else if (length && !BodilessStatus(status)) {
    w.Field("Content-Length", *length);
  }
  if (close_after_) {
    w.Field("Connection", "close");
  } else if (http10) {
    w.Field("Connection", "keep-alive");
  }
  w.End();
}

bool ServerConnection::Write(std::string_view piece) {
  if (input_ == Input::kClosed) return true;
  output_ = Output::kBody;
  sent_ += piece.size();
  if (piece.empty() || no_body_) {
    Flush();
  } else {
    char size[24];
    iovec parts[4];
    size_t n = 0;
    const auto add = [&](std::string_view s) {
      if (!s.empty()) parts[n++] = {const_cast<char*>(s.data()), s.size()};
    };
    add(out_.view());
    if (chunked_) add({size, http::WriteChunkSize(piece.size(), size)});
    add(piece);
    if (chunked_) add("\r\n");
    const bool waiting = write_timer_.armed();
    net::IoResult r{net::IoStatus::kWouldBlock, 0};
    if (!waiting) r = stream_->Write({parts, n});
    if (r.status == net::IoStatus::kReset) {
      Abort();
      return true;
    }
    // What the kernel did not take stays in the buffer: first what is left of the old, then the
    // new.
    size_t done = r.status == net::IoStatus::kOk ? r.bytes : 0;
    const size_t old = out_.size();
    if (done < old) {
      out_.Consume(done);
      done = 0;
    } else {
      out_.Clear();
      done -= old;
    }
    for (size_t i = old > 0 ? 1 : 0; i < n; ++i) {
      const size_t skip = std::min(done, parts[i].iov_len);
      done -= skip;
      out_.append(static_cast<const char*>(parts[i].iov_base) + skip, parts[i].iov_len - skip);
    }
    if (!out_.empty() && !write_timer_.armed())
      loop_.ArmAfter(write_timer_, options_.write_timeout);
  }
  if (out_.size() >= options_.watermark) blocked_ = true;
  return !blocked_;
}

void ServerConnection::End(std::string_view trailer) {
  if (input_ == Input::kClosed || output_ == Output::kEnded) return;
  if (chunked_ && !no_body_) {
    if (trailer.empty()) {
      out_.append(http::kLastChunk);
    } else {
      out_.append("0\r\n");
      out_.append(trailer);
      out_.append("\r\n");
    }
  }
  output_ = Output::kEnded;
  Flush();
  if (input_ == Input::kClosed || !out_.empty()) return;
  FinishExchange();
}

void ServerConnection::Respond(int status, std::string_view fields, std::string_view body) {
  Begin(status, {}, fields, body.size());
  if (!no_body_ && output_ == Output::kHead) {
    out_.append(body);
    sent_ += body.size();
  }
  End();
}

void ServerConnection::BeginTunnel(int status, std::string_view reason, std::string_view fields) {
  if (output_ != Output::kNone || input_ == Input::kClosed) return;
  http::HeadWriter<net::Buffer> w(&out_);
  w.StatusLine(status, reason);
  out_.append(fields);
  w.End();
  chunked_ = no_body_ = false;
  close_after_ = true;
  output_ = Output::kBody;
  input_ = Input::kTunnel;
  read_timer_.Cancel();
  Flush();
  if (processing_ || input_ == Input::kClosed) return;
  Process();
  ReadLoop();
}

void ServerConnection::Flush() {
  if (input_ == Input::kClosed || out_.empty() || write_timer_.armed()) return;
  const net::IoResult r = WriteAllOf(*stream_, out_.view());
  if (r.status == net::IoStatus::kReset) {
    Abort();
    return;
  }
  if (r.status == net::IoStatus::kOk) out_.Consume(r.bytes);
  if (!out_.empty()) {
    loop_.ArmAfter(write_timer_, options_.write_timeout);
  } else {
    out_.ReleaseIfEmpty();
  }
}

void ServerConnection::OnWritable() {
  if (input_ == Input::kClosed) return;
  write_timer_.Cancel();
  Flush();
  if (input_ == Input::kClosed) return;
  if (out_.empty() && output_ == Output::kEnded) {
    FinishExchange();
    return;
  }
  if (blocked_ && out_.size() <= options_.watermark / 2) {
    blocked_ = false;
    if (handler_ != nullptr) handler_->OnWritable();
  }
}

// The response is with the kernel. What is left is the rest of the request's body, if any.
void ServerConnection::FinishExchange() {
  if (input_ == Input::kTunnel) {
    // Ours has ended; the peer may still send.
    stream_->ShutdownWrite();
    return;
  }
  handler_ = nullptr;
  if (input_ == Input::kBodyHeld || input_ == Input::kBody) {
    if (close_after_ || head_.body != http::BodyKind::kLength || body_left_ > kDiscardLimit) {
      StartLinger();
      return;
    }
    discard_ = true;
    input_ = Input::kBody;
    ArmRead(options_.body_timeout);
  } else if (close_after_) {
    StartLinger();
    return;
  } else {
    input_ = Input::kHead;
    output_ = Output::kNone;
    head_begun_ = false;
    ArmRead(options_.idle_timeout);
  }
  if (processing_) return;
  Process();
  ReadLoop();
}

// Closing with unread input makes the kernel send a reset, which can overtake the response: the
// rest is read for a moment.
void ServerConnection::StartLinger() {
  if (eof_) {
    Close();
    return;
  }
  stream_->ShutdownWrite();
  input_ = Input::kLinger;
  in_.Clear();
  ArmRead(kLingerTime);
  if (!processing_) ReadLoop();
}

void ServerConnection::Close() {
  if (input_ == Input::kClosed) return;
  input_ = Input::kClosed;
  read_timer_.Cancel();
  write_timer_.Cancel();
  stream_->SetHandler(nullptr);
  stream_->ShutdownWrite();
  RequestHandler* handler = std::exchange(handler_, nullptr);
  if (handler != nullptr && output_ != Output::kEnded) handler->OnPeerGone();
  owner_.OnConnectionClosed(*this);
}

void ServerConnection::Abort() {
  if (input_ == Input::kClosed) return;
  stream_->Abort();
  Close();
}

void ServerConnection::OnReadTimeout() {
  if (input_ == Input::kHead) {
    owner_.OnConnectionTimeout(in_.empty() ? "idle" : "request_head");
    if (in_.empty()) {
      Close();
    } else {
      RefuseHead(408, "slow_request", "the request's head did not arrive in time");
    }
  } else if (input_ == Input::kBody) {
    // Beside an answer that is under way, that one's times count.
    if (output_ == Output::kHead || output_ == Output::kBody) return;
    FailBody(BodyFailure::kTimeout, http::ParseError::kNone);
  } else if (input_ == Input::kLinger) {
    owner_.OnConnectionTimeout("linger");
    Close();
  }
}

}  // namespace hearth::watchdog
