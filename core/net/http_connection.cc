#include "core/net/http_connection.h"

#include <utility>

#include "core/base/duration.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "core/http/writer.h"

namespace hearth::net {
namespace {

// What may wait in memory behind the request that is being answered.
constexpr size_t kMaxPipelined = 64 * 1024;
constexpr size_t kReadSize = 16 * 1024;
constexpr Duration kLingerTime = std::chrono::seconds(2);

bool IsFramingField(std::string_view name) {
  return http::IsHopByHop(name) || http::EqualsIgnoreCase(name, "Content-Length") ||
         http::EqualsIgnoreCase(name, "Date");
}

std::string ErrorJson(std::string_view reason, std::string_view message) {
  std::string json = "{\"error\":";
  AppendJsonString(&json, message);
  json += ",\"reason\":";
  AppendJsonString(&json, reason);
  return json + "}\n";
}

Headers ErrorHeaders(std::string_view component, std::string_view reason) {
  return {{"Content-Type", "application/json"}, {"X-Hearth-Error", Cat(component, ";", reason)}};
}

}  // namespace

ServerConnection::ServerConnection(Loop& loop, const HttpServerOptions& options,
                                   ConnectionHost& host, std::unique_ptr<Stream> stream)
    : loop_(loop),
      options_(options),
      host_(host),
      stream_(std::move(stream)),
      in_(&loop.buffers()),
      out_(&loop.buffers()),
      parser_(options.limits),
      body_(options.limits),
      timer_([this] { OnTimeout(); }),
      write_timer_([this] { Close(); }) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::Later(void (ServerConnection::*method)()) {
  loop_.Defer([this, method, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired() && state_ != State::kClosed) (this->*method)();
  });
}

void ServerConnection::Start() {
  ArmFor(options_.idle_timeout);
  stream_->SetHandler(this);
}

void ServerConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.Cancel();
  write_timer_.Cancel();
  stream_->SetHandler(nullptr);
  stream_.reset();
  LetGoOfExchange(/*closed=*/true);
  host_.OnConnectionClosed(this);
}

// Callbacks run and go at the end of the turn: this may be inside one of them.
void ServerConnection::LetGoOfExchange(bool closed) {
  ExchangeImpl* exchange = std::exchange(exchange_, nullptr);
  if (exchange == nullptr) return;
  exchange->Detach(closed);
  struct Farewell {
    explicit Farewell(std::shared_ptr<ExchangeImpl> e) : exchange(std::move(e)) {}
    Farewell(const Farewell&) = delete;
    Farewell& operator=(const Farewell&) = delete;
    ~Farewell() { exchange->ClearCallbacks(); }
    std::shared_ptr<ExchangeImpl> exchange;
  };
  auto farewell = std::make_shared<Farewell>(exchange->shared_from_this());
  loop_.Defer([farewell, closed] {
    if (closed) farewell->exchange->NotifyClosed();
  });
}

void ServerConnection::CloseIfIdle() {
  if (idle()) Close();
}

void ServerConnection::OnReadable() { ReadAndProcess(); }

// Takes what has come, as far as somebody wants it or it is little: the end of the connection is
// noticed even while a handler works.
void ServerConnection::ReadInput() {
  while (state_ != State::kClosed && !eof_) {
    const bool wanted = state_ == State::kHead || state_ == State::kBuffering ||
                        state_ == State::kLinger ||
                        (exchange_ != nullptr && exchange_->wants_body());
    if (in_.size() >= (wanted ? options_.limits.head + kReadSize : kMaxPipelined)) return;
    const std::span<char> room = in_.Prepare(kReadSize);
    const IoResult result = stream_->Read(room);
    if (result.status == IoStatus::kOk) {
      in_.Commit(result.bytes);
      if (state_ == State::kLinger) in_.Clear();
      if (result.bytes < room.size()) return;
      continue;
    }
    in_.ReleaseIfEmpty();
    if (result.status == IoStatus::kWouldBlock) return;
    if (result.status == IoStatus::kReset) return Close();
    eof_ = true;
  }
}

void ServerConnection::Process() {
  if (processing_) return;  // a handler answered at once: the loop below goes on
  processing_ = true;
  bool more = true;
  while (more && state_ != State::kClosed) {
    switch (state_) {
      case State::kHead:
        more = ParseHead();
        break;
      case State::kBuffering:
        more = BufferBody();
        break;
      case State::kExchange:
        more = StreamBody();
        break;
      case State::kLinger:
        if (eof_) Close();
        more = false;
        break;
      case State::kClosed:
        more = false;
        break;
    }
    if (!more && state_ != State::kClosed && !eof_) {
      // Input that was left in the kernel because the buffer was full may go on now.
      const size_t before = in_.size();
      if (state_ == State::kHead || state_ == State::kBuffering || state_ == State::kExchange) {
        ReadInput();
      }
      more = in_.size() > before || eof_;
    }
  }
  processing_ = false;
}

bool ServerConnection::ParseHead() {
  // Answers that a client does not read are not added to by more requests.
  if (out_.size() > options_.write_watermark) return false;
  if (in_.empty()) {
    in_.Release();
    if (eof_ || host_.draining()) Close();
    return false;
  }
  switch (parser_.ParseRequest(in_.view(), &head_)) {
    case http::ParseState::kNeedMore:
      if (eof_) {
        Close();
      } else if (!std::exchange(in_head_, true)) {
        ArmFor(options_.head_timeout);
      }
      return false;
    case http::ParseState::kError:
      pending_ = ServerRequest();
      is_head_request_ = false;
      Reject(http::StatusFor(parser_.error()), http::NameOf(parser_.error()),
             Cat("this is not an acceptable HTTP request: ", http::NameOf(parser_.error())));
      return false;
    case http::ParseState::kDone:
      break;
  }
  TakeHead();
  return true;
}

// Copies the head out of the buffer and decides what becomes of the body.
void ServerConnection::TakeHead() {
  in_head_ = false;
  pending_ = ServerRequest();
  pending_.method = head_.method;
  pending_.target = head_.target;
  pending_.path = head_.path;
  pending_.query = head_.query;
  pending_.version = head_.version;
  pending_.headers = Headers(head_.headers);
  if (head_.body == http::BodyKind::kLength) pending_.content_length = head_.content_length;
  pending_.peer_ip = stream_->peer_ip();
  body_.Start(head_.body, head_.content_length);
  body_received_ = 0;
  keep_alive_ = head_.keep_alive;
  continue_owed_ = head_.expect_continue && !body_.done();
  response_begun_ = response_ended_ = write_blocked_ = false;
  is_head_request_ = head_.method == "HEAD";
  in_.Consume(head_.size);
  parser_.Reset();
  if (host_.ModeOf(pending_) == BodyMode::kStreamed) {
    timer_.Cancel();
    StartExchange();
    return;
  }
  if (pending_.content_length.value_or(0) > options_.max_body) {
    state_ = State::kBuffering;
    Reject(413, "body_too_large",
           Cat("the body has ", *pending_.content_length, " bytes, at most ", options_.max_body,
               " are taken"));
    return;
  }
  state_ = State::kBuffering;
  ArmFor(options_.body_timeout);
  if (SendsContinue()) Flush();
}

bool ServerConnection::SendsContinue() {
  if (!std::exchange(continue_owed_, false)) return false;
  out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  return true;
}

bool ServerConnection::BufferBody() {
  while (!body_.done()) {
    if (in_.empty()) {
      if (eof_) Close();
      return false;
    }
    const auto result = body_.Feed(in_.view());
    if (result.state == http::ParseState::kError) {
      Reject(http::StatusFor(body_.error()), http::NameOf(body_.error()), "the body is malformed");
      return false;
    }
    if (pending_.body.size() + result.payload.size() > options_.max_body) {
      Reject(413, "body_too_large", Cat("at most ", options_.max_body, " bytes are taken"));
      return false;
    }
    pending_.body.append(result.payload);
    in_.Consume(result.consumed);
    ArmFor(options_.body_timeout);
  }
  timer_.Cancel();
  StartExchange();
  return true;
}

void ServerConnection::StartExchange() {
  state_ = State::kExchange;
  const auto exchange = std::make_shared<ExchangeImpl>(this, std::move(pending_));
  exchange_ = exchange.get();
  host_.OnRequest(exchange);
}

// True: something changed, look again.
bool ServerConnection::StreamBody() {
  const auto exchange = exchange_ != nullptr ? exchange_->weak_from_this().lock() : nullptr;
  if (exchange == nullptr) return false;
  if (eof_ && response_begun_) {  // nobody is left to read the stream
    Close();
    return false;
  }
  while (exchange_ == exchange.get() && exchange->wants_body()) {
    if (body_.done()) {
      timer_.Cancel();
      exchange->DeliverEnd(true);
      return true;
    }
    if (in_.empty()) {
      if (eof_) Close();
      return false;
    }
    const auto result = body_.Feed(in_.view());
    body_received_ += result.payload.size();
    if (result.state == http::ParseState::kError) {
      FailBody(*exchange, http::StatusFor(body_.error()), http::NameOf(body_.error()),
               "the body is malformed");
      return false;
    }
    if (options_.max_streamed_body != 0 && body_received_ > options_.max_streamed_body) {
      FailBody(*exchange, 413, "body_too_large",
               Cat("at most ", options_.max_streamed_body, " bytes are taken"));
      return false;
    }
    ArmFor(options_.body_timeout);
    // Consumed bytes stay where they are until more are read, which never happens inside on_data.
    in_.Consume(result.consumed);
    if (!result.payload.empty()) exchange->on_data(result.payload);
  }
  return state_ != State::kExchange;
}

// A streamed body that cannot be read to its end.
void ServerConnection::FailBody(ExchangeImpl& exchange, int status, std::string_view reason,
                                std::string_view message) {
  const auto keep = exchange.shared_from_this();
  if (!response_begun_) {
    exchange.RespondError(status, reason, message);
  } else {
    AbortResponse();
  }
  exchange.DeliverEnd(false);
}

void ServerConnection::BodyWanted() {
  if (!body_.done()) ArmFor(options_.body_timeout);
  if (SendsContinue()) Flush();
  // Not from inside the handler's call, which may not expect data before it has returned.
  if (!processing_) Later(&ServerConnection::ReadAndProcess);
}

// An answer of the server's own, for a request that no handler sees. The connection closes after
// it.
void ServerConnection::Reject(int status, std::string_view reason, std::string_view message) {
  keep_alive_ = false;
  response_begun_ = response_ended_ = false;
  const std::string json = ErrorJson(reason, message);
  const uint64_t length = json.size();
  WriteHead(status, ErrorHeaders(options_.component, reason), &length);
  if (!response_bodyless_) out_.append(json);
  response_ended_ = true;
  Linger();
  Flush();
}

void ServerConnection::WriteHead(int status, const Headers& headers, const uint64_t* length) {
  const bool http11 = pending_.version == http::Version::kHttp11;
  response_begun_ = true;
  if (!body_.done() || host_.draining() || eof_) keep_alive_ = false;
  http::HeadWriter<Buffer> head(&out_);
  head.StatusLine(status);
  head.Field("Date", FormatHttpDate(loop_.clock().WallNow()));
  for (const auto& [name, value] : headers) {
    if (IsFramingField(name) || !http::IsToken(name) || !http::IsFieldValue(value)) continue;
    head.Field(name, value);
  }
  const bool no_body = status == 204 || status == 304;
  response_bodyless_ = no_body || is_head_request_;
  response_has_length_ = length != nullptr;
  response_chunked_ = !no_body && length == nullptr && http11;
  if (length != nullptr) {
    response_left_ = *length;
    if (!no_body) head.Field("Content-Length", *length);
  } else if (response_chunked_) {
    head.Field("Transfer-Encoding", "chunked");
  } else if (!no_body) {
    keep_alive_ = false;  // the end of the connection is the end of the body
  }
  if (!keep_alive_) {
    head.Field("Connection", "close");
  } else if (!http11) {
    head.Field("Connection", "keep-alive");
  }
  head.End();
}

void ServerConnection::BeginResponse(int status, const Headers& headers, const uint64_t* length) {
  if (response_begun_) return;
  WriteHead(status, headers, length);
}

bool ServerConnection::WriteBody(std::string_view piece) {
  if (!response_begun_ || response_ended_) return false;
  if (!response_bodyless_ && !piece.empty()) {
    if (response_has_length_ && piece.size() > response_left_) {
      AbortResponse();  // more than was announced: the handler's fault, which must not look whole
      return false;
    }
    response_left_ -= response_has_length_ ? piece.size() : 0;
    char size[20];
    if (response_chunked_) out_.append(size, http::WriteChunkSize(piece.size(), size));
    out_.append(piece);
    if (response_chunked_) out_.append("\r\n");
  }
  Flush();
  if (state_ == State::kClosed) return false;
  if (out_.size() > 4 * options_.write_watermark && !response_has_length_) {
    AbortResponse();
    return false;
  }
  write_blocked_ = out_.size() > options_.write_watermark;
  return !write_blocked_;
}

bool ServerConnection::WriteWhole(std::string_view body) {
  if (!response_bodyless_) {
    out_.append(body);
    response_left_ -= body.size();
  }
  return state_ != State::kClosed;
}

void ServerConnection::EndResponse() {
  if (!response_begun_ || response_ended_) return;
  if (response_has_length_ && !response_bodyless_ && response_left_ > 0) return AbortResponse();
  if (response_chunked_ && !response_bodyless_) out_.append(http::kLastChunk);
  response_ended_ = true;
  FinishExchange();
  Flush();
}

void ServerConnection::AbortResponse() {
  stream_->Abort();
  Close();
}

void ServerConnection::ExchangeDropped() {
  exchange_ = nullptr;
  if (state_ != State::kExchange) return;
  if (response_begun_) return AbortResponse();
  Reject(500, "no_answer", "the handler ended without an answer");
}

void ServerConnection::FinishExchange() {
  LetGoOfExchange(/*closed=*/false);
  if (!keep_alive_ || !body_.done() || host_.draining()) return Linger();
  state_ = State::kHead;
  ArmFor(options_.idle_timeout);
  if (!processing_) Later(&ServerConnection::ReadAndProcess);
}

// The answer is on its way and the connection ends after it. Closing at once would turn input that
// was not read into a reset, which can destroy the answer before the peer has read it.
void ServerConnection::Linger() {
  state_ = State::kLinger;
  in_.Clear();
  ArmFor(kLingerTime);
}

void ServerConnection::Flush() {
  while (!out_.empty()) {
    const IoResult result = WriteAllOf(*stream_, out_.view());
    if (result.status == IoStatus::kReset) return Close();
    out_.Consume(result.bytes);
    if (result.bytes > 0 || !write_timer_.armed()) {
      loop_.ArmAfter(write_timer_, options_.write_timeout);
    }
    if (!out_.empty()) {
      if (state_ == State::kLinger) ArmFor(options_.write_timeout);
      return;  // OnWritable goes on
    }
  }
  out_.ReleaseIfEmpty();
  write_timer_.Cancel();
  if (state_ != State::kLinger || std::exchange(shut_down_, true)) return;
  stream_->ShutdownWrite();
  ArmFor(kLingerTime);
  Later(&ServerConnection::ReadAndProcess);
}

void ServerConnection::OnWritable() {
  Flush();
  if (state_ == State::kClosed) return;
  if (write_blocked_ && exchange_ != nullptr && out_.size() <= options_.write_watermark / 2) {
    write_blocked_ = false;
    const auto keep = exchange_->shared_from_this();
    if (const auto callback = keep->on_drained) callback();
  }
  Process();
}

void ServerConnection::OnTimeout() {
  switch (state_) {
    case State::kHead:
      if (!in_head_) return Close();
      pending_ = ServerRequest();
      is_head_request_ = false;
      Reject(408, "slow_request", "the request's head did not come in time");
      return;
    case State::kBuffering:
      Reject(408, "slow_request", "the request's body stopped coming");
      return;
    case State::kExchange:
      if (exchange_ != nullptr && exchange_->wants_body()) {
        FailBody(*exchange_, 408, "slow_request", "the request's body stopped coming");
      }
      return;
    case State::kLinger:
      Close();
      return;
    case State::kClosed:
      return;
  }
}

ExchangeImpl::~ExchangeImpl() {
  if (connection_ != nullptr) connection_->ExchangeDropped();
}

void ExchangeImpl::ReadBody(std::function<void(std::string_view)> data,
                            std::function<void(bool)> end) {
  on_data = std::move(data);
  on_end = std::move(end);
  if (connection_ != nullptr) connection_->BodyWanted();
}

void ExchangeImpl::ResumeBody() {
  body_paused = false;
  if (connection_ != nullptr && on_data) connection_->BodyWanted();
}

void ExchangeImpl::Respond(int status, const Headers& headers, std::string_view body) {
  if (connection_ == nullptr || std::exchange(responded_, true)) return;
  const uint64_t length = body.size();
  connection_->BeginResponse(status, headers, &length);
  ServerConnection* const connection = connection_;
  if (body.empty() || connection->WriteWhole(body)) connection->EndResponse();
}

void ExchangeImpl::RespondError(int status, std::string_view reason, std::string_view message) {
  if (connection_ == nullptr) return;
  Respond(status, ErrorHeaders(connection_->component(), reason), ErrorJson(reason, message));
}

void ExchangeImpl::Begin(int status, const Headers& headers) {
  if (connection_ == nullptr || std::exchange(responded_, true)) return;
  const auto given = headers.Find("Content-Length");
  const std::optional<uint64_t> length = given ? ParseUint(*given) : std::nullopt;
  connection_->BeginResponse(status, headers, length ? &*length : nullptr);
  connection_->Flush();
}

bool ExchangeImpl::Write(std::string_view piece) {
  return connection_ != nullptr && connection_->WriteBody(piece);
}

void ExchangeImpl::End() {
  if (connection_ != nullptr) connection_->EndResponse();
}

void ExchangeImpl::Abort() {
  if (connection_ == nullptr) return;
  on_closed = nullptr;
  connection_->AbortResponse();
}

void ExchangeImpl::DeliverEnd(bool complete) {
  const auto end = std::exchange(on_end, nullptr);
  body_ended_ = true;
  if (end) end(complete);
}

void ExchangeImpl::NotifyClosed() {
  if (on_data && !body_ended_) DeliverEnd(false);
  if (const auto callback = std::exchange(on_closed, nullptr)) callback();
}

void ExchangeImpl::ClearCallbacks() {
  on_data = nullptr;
  on_end = nullptr;
  on_drained = nullptr;
  on_closed = nullptr;
}

}  // namespace hearth::net
