#include "watchdog/modes/proxy_call.h"

#include <utility>

#include "core/base/duration.h"
#include "core/base/strings.h"
#include "core/http/writer.h"

namespace hearth::watchdog {
namespace {

using http::FieldId;

// What the watchdog's own fields add to a head at most, about.
constexpr size_t kRoomForOwn = 192;
constexpr Duration kConnectTimeout = std::chrono::seconds(5);
// A connection often breaks a moment before the kernel tells that the process has ended.
constexpr Duration kVerdictDelay = std::chrono::milliseconds(50);
constexpr int kConnectAttempts = 3;

bool NamedIn(std::string_view list, std::string_view name) {
  for (std::string_view item : Split(list, ',')) {
    if (http::EqualsIgnoreCase(Trim(item), name)) return true;
  }
  return false;
}

// Fields of this hop, which the next one does not get.
bool StaysHere(const http::HeaderField& f, std::string_view connection) {
  return http::IsHopByHop(f.id) || f.id == FieldId::kContentLength ||
         (!connection.empty() && NamedIn(connection, f.name));
}

// What Connection names besides the usual; empty in nearly all messages.
template <typename Head>
std::string_view NamedByConnection(const Head& head) {
  if (!head.connection_names) return {};
  return head.headers.Find("Connection").value_or(std::string_view());
}

bool IsReplayable(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE" || method == "TRACE";
}

}  // namespace

ProxyMode::ProxyCall::ProxyCall(ProxyMode& mode, Call& call)
    : mode_(mode), call_(call), verdict_([this] { broken_ ? GiveUp() : Connect(); }) {
  mode_.Began(*this);
}

ProxyMode::ProxyCall::~ProxyCall() {
  Drop();
  mode_.Ended(*this);
}

// Leaves the upstream connection to its fate: what it says is of no interest any more.
void ProxyMode::ProxyCall::Drop() {
  done_ = true;
  connect_.reset();
  verdict_.Cancel();
  if (UpstreamConnection* upstream = std::exchange(upstream_, nullptr)) upstream->Abandon();
}

void ProxyMode::ProxyCall::Run() {
  const http::RequestHead& head = call_.head();
  if (mode_.config_.buffer_request_body && head.body == http::BodyKind::kChunked) {
    call_.ReadBody();  // sent once it is whole
    return;
  }
  std::optional<uint64_t> length;
  if (head.body == http::BodyKind::kLength) length = head.content_length;
  MakeHead(length);
  Connect();
}

void ProxyMode::ProxyCall::MakeHead(std::optional<uint64_t> length) {
  const http::RequestHead& head = call_.head();
  std::string target(head.path);
  if (head.target == "*") target = "*";
  if (!head.query.empty() || head.target.ends_with('?')) Cat(target, "?", head.query).swap(target);
  head_.reserve(head.size + kRoomForOwn);
  http::HeadWriter<std::string> w(&head_);
  w.RequestLine(head.method, target);
  if (head.host.empty() || !head.headers.Find("Host")) {
    w.Field("Host", head.host.empty() ? std::string_view(mode_.config_.upstream.host) : head.host);
  }
  const std::string_view connection = NamedByConnection(head);
  for (const http::HeaderField& f : head.headers) {
    if (StaysHere(f, connection) || f.id == FieldId::kXHearthToken || f.id == FieldId::kExpect ||
        f.id == FieldId::kXCallId) {
      continue;
    }
    w.Field(f.name, f.value);
  }
  w.Field("X-Call-Id", call_.id());
  chunked_ = !length && head.body == http::BodyKind::kChunked;
  if (length) w.Field("Content-Length", *length);
  if (!length && !chunked_ && (head.method == "POST" || head.method == "PUT")) {
    w.Field("Content-Length", uint64_t{0});
  }
  if (chunked_) w.Field("Transfer-Encoding", "chunked");
  if (head.upgrade) {
    w.Field("Connection", "Upgrade");
    w.Field("Upgrade", head.headers.Find("Upgrade").value_or(""));
  }
  w.End();
}

void ProxyMode::ProxyCall::Connect() {
  if (UpstreamConnection* idle = mode_.TakeIdle()) {
    upstream_ = idle;
    Send();
    return;
  }
  ++connect_attempts_;
  connect_ =
      mode_.loop_.Connect(mode_.config_.upstream.address, kConnectTimeout, [this](auto stream) {
        if (done_) return;
        if (stream.ok()) {
          upstream_ = mode_.Adopt(std::move(*stream));
          Send();
        } else if (connect_attempts_ < kConnectAttempts) {
          // A Unix socket's backlog may be full for a moment.
          mode_.loop_.ArmAfter(verdict_, std::chrono::milliseconds(5 * connect_attempts_));
        } else {
          Break("unreachable", Cat("no connection to the function's server at ",
                                   mode_.config_.upstream.address.Text()));
        }
      });
}

void ProxyMode::ProxyCall::Send() {
  upstream_->Start(this, call_.method(), head_, chunked_);
  if (!buffered_body_.empty()) upstream_->Write(buffered_body_);
  if (mode_.config_.buffer_request_body && body_ended_) {
    upstream_->EndBody();
    return;
  }
  if (!call_.has_body()) {
    body_ended_ = true;
    upstream_->EndBody();
    return;
  }
  body_started_ = true;
  call_.ReadBody();
  if (upstream_ != nullptr) upstream_->Flush();
}

void ProxyMode::ProxyCall::OnBody(std::string_view piece) {
  if (upstream_ != nullptr) {
    if (!upstream_->Write(piece)) call_.PauseBody();
  } else if (mode_.config_.buffer_request_body && !done_) {
    buffered_body_.append(piece);
  }
}

void ProxyMode::ProxyCall::OnBodyEnd(std::string_view trailer) {
  body_ended_ = true;
  if (tunnel_) {
    tunnel_up_done_ = true;
    if (upstream_ != nullptr) upstream_->EndTunnelWrite();
    FinishTunnel();
  } else if (upstream_ != nullptr) {
    upstream_->EndBody(trailer);
  } else if (mode_.config_.buffer_request_body && !done_ && head_.empty()) {
    MakeHead(buffered_body_.size());
    Connect();
  }
}

void ProxyMode::ProxyCall::OnUpstreamWritable() { call_.ResumeBody(); }

void ProxyMode::ProxyCall::OnWritable() {
  if (upstream_ != nullptr) upstream_->Resume();
}

void ProxyMode::ProxyCall::OnCallerGone() {
  Drop();
  call_.Finish();
}

void ProxyMode::ProxyCall::OnTimeout() {
  const bool silent = !call_.begun();
  Drop();
  call_.Fail(504, "watchdog", "timeout",
             silent ? std::string("the function did not answer within its time limit")
                    : std::string("the function fell silent inside its answer"));
  if (silent) mode_.Suspect();
}

void ProxyMode::ProxyCall::OnResponseHead(const http::ResponseHead& head) {
  mode_.Answering();
  std::string fields;
  fields.reserve(head.size);
  http::HeadWriter<std::string> w(&fields);
  const std::string_view connection = NamedByConnection(head);
  for (const http::HeaderField& f : head.headers) {
    if (StaysHere(f, connection) || f.id == FieldId::kXCallId ||
        http::EqualsIgnoreCase(f.name, "X-Duration-Seconds")) {
      continue;
    }
    w.Field(f.name, f.value);
  }
  if (head.status == 101) {
    w.Field("Connection", "Upgrade").Field("Upgrade", head.headers.Find("Upgrade").value_or(""));
    tunnel_ = true;
    call_.BeginTunnel(head.status, head.reason, fields);
    return;
  }
  std::optional<uint64_t> length;
  if (head.body == http::BodyKind::kLength) length = head.content_length;
  if (head.body == http::BodyKind::kNone) {
    length = ParseUint(head.headers.Find("Content-Length").value_or("0")).value_or(0);
  }
  call_.Begin(head.status, head.reason, fields, length);
  // A stream may say nothing for long after its head.
  if (upstream_ != nullptr && head.body != http::BodyKind::kNone && upstream_->only_holds(head)) {
    call_.Flush();
  }
}

void ProxyMode::ProxyCall::OnResponseData(std::string_view piece) {
  if (!call_.Write(piece) && upstream_ != nullptr) upstream_->Pause();
}

void ProxyMode::ProxyCall::OnResponseEnd(std::string_view trailer) {
  if (tunnel_) {
    tunnel_down_done_ = true;
    call_.EndTunnelWrite();
    FinishTunnel();
    return;
  }
  UpstreamConnection* upstream = std::exchange(upstream_, nullptr);
  done_ = true;
  if (upstream != nullptr) mode_.GiveBack(upstream);
  call_.End(trailer);
}

void ProxyMode::ProxyCall::FinishTunnel() {
  if (!tunnel_up_done_ || !tunnel_down_done_) return;
  Drop();
  call_.Close();
}

void ProxyMode::ProxyCall::OnUpstreamFailed(UpstreamFailure failure) {
  const bool was_reused = upstream_ != nullptr && upstream_->reused();
  upstream_ = nullptr;
  if (done_) return;
  if (failure == UpstreamFailure::kClosed && was_reused && !body_started_ &&
      buffered_body_.empty() && IsReplayable(call_.method()) && !call_.caller_gone()) {
    Connect();  // it was closed as idle while the request went out
    return;
  }
  if (failure == UpstreamFailure::kNotHttp) {
    Break("bad_response", "the function's server did not answer with HTTP");
  } else {
    Break("bad_response", failure == UpstreamFailure::kClosed
                              ? "the function's server closed the connection without an answer"
                              : "the function's server broke its answer off");
  }
}

void ProxyMode::ProxyCall::Break(std::string_view reason, std::string_view message) {
  broken_ = true;
  broken_reason_ = reason;
  broken_message_ = message;
  mode_.loop_.ArmAfter(verdict_, kVerdictDelay);
}

void ProxyMode::ProxyCall::GiveUp() {
  Drop();
  call_.Fail(502, "function", broken_reason_, broken_message_);
}

void ProxyMode::ProxyCall::Crashed(const ExitInfo& exit) {
  if (call_.finished()) return;
  Drop();
  call_.Fail(502, "function", "crashed",
             "the function's process ended with the request inside it: " + exit.Reason());
}

}  // namespace hearth::watchdog
