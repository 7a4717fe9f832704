#include "core/net/http_client.h"

#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/strings.h"
#include "core/http/body.h"
#include "core/http/writer.h"
#include "core/net/alive.h"
#include "core/net/buffer.h"

namespace hearth::net {
namespace {

constexpr size_t kWatermark = 256 * 1024;
constexpr size_t kReadSize = 16 * 1024;

Headers ParseTrailers(std::string_view lines) {
  Headers trailers;
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    const size_t colon = line.find(':');
    trailers.Add(line.substr(0, colon), Trim(line.substr(colon + 1)));
    lines.remove_prefix(end + 2);
  }
  return trailers;
}

class ClientExchangeImpl final : public ClientExchange, public StreamHandler {
 public:
  ClientExchangeImpl(Loop& loop, ClientRequest request, ClientHandler* handler)
      : loop_(loop),
        request_(std::move(request)),
        handler_(handler),
        in_(&loop.buffers()),
        out_(&loop.buffers()),
        parser_(request_.limits),
        body_(request_.limits),
        phase_([this] { OnPhaseTimeout(); }),
        total_([this] {
          Fail(DeadlineExceeded(Cat(What(), " took longer than ",
                                    FormatDuration(request_.total_timeout), " in all")));
        }) {
    WriteRequest();
    if (request_.total_timeout > Duration(0)) loop_.ArmAfter(total_, request_.total_timeout);
    connect_ = loop_.Connect(
        request_.address, request_.connect_timeout,
        [this](absl::StatusOr<std::unique_ptr<Stream>> stream) { OnConnected(std::move(stream)); });
  }
  ~ClientExchangeImpl() override {
    if (stream_ != nullptr) stream_->SetHandler(nullptr);
  }

  bool Write(std::string_view piece) override {
    if (body_ended_ || stopped_sending_) return true;  // nobody is interested any more
    if (!piece.empty()) {
      char size[20];
      if (chunked_) out_.append(size, http::WriteChunkSize(piece.size(), size));
      out_.append(piece);
      if (chunked_) out_.append("\r\n");
      FlushSoon();
    }
    write_blocked_ = out_.size() > kWatermark;
    return !write_blocked_;
  }

  void EndBody() override {
    if (std::exchange(body_ended_, true) || stopped_sending_) return;
    if (chunked_) out_.append(http::kLastChunk);
    FlushSoon();
  }

  void Pause() override {
    paused_ = true;
    if (head_done_) phase_.Cancel();
  }

  void Resume() override {
    if (!std::exchange(paused_, false)) return;
    loop_.Defer([this, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) OnReadable();
    });
  }

 private:
  std::string What() const {
    return Cat(request_.method, " ", request_.target, " on ", request_.address.Text());
  }

  void WriteRequest() {
    chunked_ = request_.streamed_body && !request_.streamed_length;
    http::HeadWriter<Buffer> head(&out_);
    head.RequestLine(request_.method, request_.target);
    std::string host = request_.host;
    if (host.empty()) {
      host = request_.address.kind == Address::Kind::kTcp ? request_.address.Text() : "localhost";
    }
    head.Field("Host", host);
    for (const auto& [name, value] : request_.headers) {
      if (http::IsHopByHop(name) || http::EqualsIgnoreCase(name, "Host") ||
          http::EqualsIgnoreCase(name, "Content-Length") || !http::IsToken(name) ||
          !http::IsFieldValue(value)) {
        continue;
      }
      head.Field(name, value);
    }
    const bool has_body_by_method =
        request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
    if (chunked_) {
      head.Field("Transfer-Encoding", "chunked");
    } else if (request_.streamed_body) {
      head.Field("Content-Length", *request_.streamed_length);
    } else if (!request_.body.empty() || has_body_by_method) {
      head.Field("Content-Length", uint64_t{request_.body.size()});
    }
    head.Field("Connection", "close");
    head.End();
    out_.append(request_.body);
    request_.body.clear();
    body_ended_ = !request_.streamed_body;
  }

  void OnConnected(absl::StatusOr<std::unique_ptr<Stream>> stream) {
    if (!stream.ok()) return Fail(stream.status());
    stream_ = *std::move(stream);
    ArmPhase();
    stream_->SetHandler(this);
    Flush();
  }

  // Writing from inside the owner's call could report an error there; the end of the turn is soon.
  void FlushSoon() {
    if (stream_ == nullptr || std::exchange(flush_queued_, true)) return;
    loop_.Defer([this, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired()) return;
      flush_queued_ = false;
      Flush();
    });
  }

  void Flush() {
    bool progress = false;
    while (!out_.empty() && !stopped_sending_) {
      const IoResult result = WriteAllOf(*stream_, out_.view());
      if (result.status == IoStatus::kReset) {
        // The answer may be there all the same: a server may refuse a body and close.
        stopped_sending_ = true;
        out_.Clear();
        break;
      }
      progress = progress || result.bytes > 0;
      out_.Consume(result.bytes);
      if (result.status == IoStatus::kWouldBlock || !out_.empty()) break;
    }
    if (progress || out_.empty()) ArmPhase();
    out_.ReleaseIfEmpty();
    if (write_blocked_ && out_.size() <= kWatermark / 2) {
      write_blocked_ = false;
      handler_->OnWritable();
    }
  }

  void OnWritable() override { Flush(); }

  // Head timeout once everything is sent and no head is there; otherwise it is about silence.
  void ArmPhase() {
    const bool waits_for_head = !head_done_ && body_ended_ && out_.empty();
    const Duration timeout = waits_for_head ? request_.head_timeout : request_.idle_timeout;
    if (timeout > Duration(0) && !(paused_ && head_done_)) {
      loop_.ArmAfter(phase_, timeout);
    } else {
      phase_.Cancel();
    }
  }

  void OnPhaseTimeout() {
    if (!head_done_) {
      const bool sending = !out_.empty() || !body_ended_;
      // A streamed request whose owner has nothing to send is not the peer's silence.
      if (sending && out_.empty()) return ArmPhase();
      return Fail(DeadlineExceeded(
          sending ? Cat(What(), ": the peer takes no more of the body")
                  : Cat(What(), ": no answer within ", FormatDuration(request_.head_timeout))));
    }
    Fail(DeadlineExceeded(Cat(What(), ": nothing more of the response within ",
                              FormatDuration(request_.idle_timeout))));
  }

  void OnReadable() override {
    const AliveCheck check(lifetime_);
    while (check.alive() && stream_ != nullptr && !finished_ && !paused_) {
      // What was left over by a pause comes first.
      if (!in_.empty()) {
        const size_t before = in_.size();
        const bool was_done = head_done_;
        if (!Consume()) return;
        if (in_.size() != before || was_done != head_done_) continue;
      }
      if (!Fill()) return;
    }
  }

  // Reads once; false: nothing more for now, or this is over.
  bool Fill() {
    const std::span<char> room = in_.Prepare(kReadSize);
    const IoResult result = stream_->Read(room);
    switch (result.status) {
      case IoStatus::kOk:
        in_.Commit(result.bytes);
        ArmPhase();
        return true;
      case IoStatus::kWouldBlock:
        in_.ReleaseIfEmpty();
        return false;
      case IoStatus::kEof:
        if (head_done_ && body_.EndOfInput()) {
          Finish();
        } else {
          Broken("the connection was closed");
        }
        return false;
      case IoStatus::kReset:
        Broken("the connection was reset");
        return false;
    }
    return false;
  }

  void Broken(std::string_view how) {
    if (head_done_) {
      Fail(absl::DataLossError(A(Cat(What(), ": ", how, " inside the response"))));
    } else {
      Fail(Unavailable(Cat(What(), ": ", how, " before there was an answer")));
    }
  }

  // Takes one step through what is in the buffer; false: over, or the owner destroyed this.
  bool Consume() { return head_done_ ? ConsumeBody() : ConsumeHead(); }

  bool ConsumeHead() {
    switch (parser_.ParseResponse(in_.view(), request_.method, &head_)) {
      case http::ParseState::kNeedMore:
        return true;
      case http::ParseState::kError:
        Fail(Internal(Cat(What(), ": the answer is not HTTP: ", http::NameOf(parser_.error()))));
        return false;
      case http::ParseState::kDone:
        break;
    }
    if (head_.status < 200 && head_.status != 101) {  // 100 Continue, 103 Early Hints
      in_.Consume(head_.size);
      parser_.Reset();
      return true;
    }
    ClientResponse response;
    response.status = head_.status;
    response.headers = Headers(head_.headers);
    body_.Start(head_.body, head_.content_length);
    in_.Consume(head_.size);
    head_done_ = true;
    ArmPhase();
    const AliveCheck check(lifetime_);
    handler_->OnHead(response);
    if (!check.alive()) return false;
    if (body_.done()) {
      Finish();
      return false;
    }
    return true;
  }

  bool ConsumeBody() {
    const auto result = body_.Feed(in_.view());
    if (result.state == http::ParseState::kError) {
      Fail(Internal(Cat(What(), ": malformed body: ", http::NameOf(body_.error()))));
      return false;
    }
    in_.Consume(result.consumed);  // the bytes stay until more are read
    if (!result.payload.empty()) {
      const AliveCheck check(lifetime_);
      handler_->OnData(result.payload);
      if (!check.alive()) return false;
    }
    if (result.state == http::ParseState::kDone) {
      Finish();
      return false;
    }
    return true;
  }

  void Finish() {
    Stop();
    handler_->OnEnd(ParseTrailers(body_.trailer()));
  }

  void Fail(const absl::Status& status) {
    if (finished_) return;
    Stop();
    handler_->OnError(status);
  }

  void Stop() {
    finished_ = true;
    phase_.Cancel();
    total_.Cancel();
    if (stream_ != nullptr) stream_->SetHandler(nullptr);
    stopped_sending_ = true;
    // This may be inside one of its callbacks.
    loop_.Defer([connect = std::shared_ptr<PendingConnect>(std::move(connect_))] {});
  }

  Loop& loop_;
  ClientRequest request_;
  ClientHandler* handler_;
  std::unique_ptr<PendingConnect> connect_;
  std::unique_ptr<Stream> stream_;
  Buffer in_;
  Buffer out_;
  http::HeadParser parser_;
  http::ResponseHead head_;
  http::BodyReader body_;
  Timer phase_;
  Timer total_;
  bool chunked_ = false;
  bool body_ended_ = false;       // everything of the request is in out_ or sent
  bool stopped_sending_ = false;  // the peer takes no more
  bool write_blocked_ = false;
  bool flush_queued_ = false;
  bool head_done_ = false;
  bool paused_ = false;
  bool finished_ = false;
  Lifetime lifetime_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

std::unique_ptr<ClientExchange> ClientExchange::Start(Loop& loop, ClientRequest request,
                                                      ClientHandler* handler) {
  return std::make_unique<ClientExchangeImpl>(loop, std::move(request), handler);
}

}  // namespace hearth::net
