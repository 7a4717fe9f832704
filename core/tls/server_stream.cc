#include "core/tls/server_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace hearth::tls {
namespace {

using net::IoResult;
using net::IoStatus;

constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

// The next record's bytes: in place where the first piece has enough, else gathered in `scratch`.
std::span<const char> Gather(std::span<const iovec> pieces, size_t skip,
                             std::array<char, kRecord>* scratch) {
  size_t at = 0;
  while (at < pieces.size() && skip >= pieces[at].iov_len) skip -= pieces[at++].iov_len;
  if (at == pieces.size()) return {};
  const auto* first = static_cast<const char*>(pieces[at].iov_base) + skip;
  const size_t in_first = pieces[at].iov_len - skip;
  if (in_first >= kRecord || at + 1 == pieces.size()) {
    return {first, std::min(in_first, kRecord)};
  }
  size_t size = 0;
  for (; at < pieces.size() && size < kRecord; ++at, skip = 0) {
    const size_t n = std::min(pieces[at].iov_len - skip, kRecord - size);
    std::memcpy(scratch->data() + size, static_cast<const char*>(pieces[at].iov_base) + skip, n);
    size += n;
  }
  return {scratch->data(), size};
}

size_t SizeOf(std::span<const iovec> pieces) {
  size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

}  // namespace

std::string_view ReasonOf(unsigned long openssl_error) {
  const int reason = ERR_GET_REASON(openssl_error);
  if (ERR_GET_LIB(openssl_error) != ERR_LIB_SSL) return "protocol";
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return "version";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return "cipher";
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return "application_protocol";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "no_client_certificate";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return "client_certificate";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "closed";
    default:
      // An alert that the client sent, mostly because it does not trust our certificate.
      return reason > SSL_AD_REASON_OFFSET ? "refused_by_client" : "protocol";
  }
}

ServerStream::ServerStream(net::Loop& loop, std::unique_ptr<net::Stream> below,
                           std::shared_ptr<const ServerContext> context)
    : loop_(loop),
      below_(std::move(below)),
      context_(std::move(context)),
      ssl_(context_->NewConnection()) {
  BIO* bio = ssl_ == nullptr ? nullptr : ::BIO_new(BioMethod());
  if (bio == nullptr) {
    state_ = State::kDead;
    failure_ = "memory";
  } else {
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl_, bio, bio);
  }
  below_->SetHandler(this);
}

ServerStream::~ServerStream() {
  if (self_) *self_ = nullptr;
  if (state_ == State::kOpen && !shutdown_ && !peer_gone_) SendCloseNotify();
  ::SSL_free(ssl_);
}

// ---- Below ----

const BIO_METHOD* ServerStream::BioMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = ::BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hearth stream");
    ::BIO_meth_set_read_ex(made, BioRead);
    ::BIO_meth_set_write_ex(made, BioWrite);
    ::BIO_meth_set_ctrl(made, BioControl);
    return made;
  }();
  return method;
}

int ServerStream::BioRead(BIO* bio, char* out, size_t size, size_t* got) {
  auto* self = static_cast<ServerStream*>(::BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *got = 0;
  if (!self->readable_) {
    BIO_set_retry_read(bio);
    return 0;
  }
  const IoResult result = self->below_->Read({out, size});
  switch (result.status) {
    case IoStatus::kOk:
      if (self->first_byte_ < 0 && result.bytes > 0) {
        self->first_byte_ = static_cast<unsigned char>(out[0]);
      }
      self->readable_ = result.bytes == size;  // a short read has drained it
      *got = result.bytes;
      return 1;
    case IoStatus::kWouldBlock:
      self->readable_ = false;
      BIO_set_retry_read(bio);
      return 0;
    case IoStatus::kEof:
    case IoStatus::kReset:
      self->peer_gone_ = true;
      return 0;
  }
  return 0;
}

int ServerStream::BioWrite(BIO* bio, const char* in, size_t size, size_t* taken) {
  auto* self = static_cast<ServerStream*>(::BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *taken = 0;
  if (!self->writable_) {
    BIO_set_retry_write(bio);
    return 0;
  }
  // Whoever does not speak TLS is spared an alert in front of the answer he can read.
  if (self->state_ == State::kHandshake && !self->SpeaksTls()) {
    *taken = size;
    return 1;
  }
  const IoResult result = self->below_->Write(std::array{iovec{const_cast<char*>(in), size}});
  if (result.status == IoStatus::kReset) {
    self->peer_gone_ = true;
    return 0;
  }
  if (result.bytes < size) self->writable_ = false;
  *taken = result.bytes;
  if (result.bytes > 0) return 1;
  BIO_set_retry_write(bio);
  return 0;
}

long ServerStream::BioControl(BIO* bio, int command, long, void*) {
  const auto* self = static_cast<ServerStream*>(::BIO_get_data(bio));
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return self->peer_gone_ ? 1 : 0;
    default:
      return 0;
  }
}

// ---- Handshake ----

ServerStream::Progress ServerStream::Handshake() {
  if (state_ == State::kOpen) return Progress::kDone;
  if (state_ == State::kDead) return Progress::kFailed;
  const int result = ::SSL_do_handshake(ssl_);
  if (result == 1) {
    state_ = State::kOpen;
    const unsigned char* name = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(ssl_, &name, &size);
    if (size > 0) protocol_.assign(reinterpret_cast<const char*>(name), size);
    return Progress::kDone;
  }
  const int error = ::SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Progress::kPending;
  failure_ = FailureNow(error);
  state_ = State::kDead;
  ::ERR_clear_error();
  return Progress::kFailed;
}

std::string_view ServerStream::FailureNow(int error) {
  if (first_byte_ >= 'A' && first_byte_ <= 'Z') return "plain_http";
  if (first_byte_ >= 0 && !SpeaksTls()) return "not_tls";
  const unsigned long code = ::ERR_peek_error();
  if (error == SSL_ERROR_SYSCALL || code == 0) return "closed";
  return ReasonOf(code);
}

std::unique_ptr<net::Stream> ServerStream::TakeBelow() {
  state_ = State::kDead;
  below_->SetHandler(nullptr);
  return std::move(below_);
}

bool ServerStream::resumed() const { return ::SSL_session_reused(ssl_) == 1; }

// ---- Events ----

void ServerStream::SetHandler(net::StreamHandler* handler) {
  handler_ = handler;
  if (handler_ == nullptr || state_ == State::kDead) return;
  // What came with the handshake's last bytes causes no edge of its own.
  const bool writable = want_write_ && writable_;
  if (readable_missed_ || readable_ || writable || ::SSL_has_pending(ssl_) == 1) {
    readable_missed_ = true;
    NotifyLater();
  }
}

void ServerStream::NotifyLater() {
  if (notify_queued_) return;
  notify_queued_ = true;
  if (!self_) self_ = std::make_shared<ServerStream*>(this);
  loop_.Defer([self = self_] {
    ServerStream* stream = *self;
    if (stream == nullptr) return;
    stream->notify_queued_ = false;
    stream->Notify(std::exchange(stream->readable_missed_, false), stream->writable_);
  });
}

void ServerStream::Notify(bool readable, bool writable) {
  const net::AliveCheck check(lifetime_);
  if (readable) {
    if (handler_ != nullptr) {
      handler_->OnReadable();
    } else {
      readable_missed_ = true;
    }
  }
  if (!check.alive() || !writable || !want_write_ || handler_ == nullptr) return;
  want_write_ = false;
  handler_->OnWritable();
}

void ServerStream::OnReadable() {
  readable_ = true;
  Notify(true, std::exchange(write_waits_for_read_, false));
}

void ServerStream::OnWritable() {
  writable_ = true;
  if (state_ == State::kHandshake) {
    if (handler_ != nullptr) handler_->OnWritable();
    return;
  }
  if (std::exchange(shutdown_pending_, false)) ShutdownWrite();
  Notify(std::exchange(read_waits_for_write_, false), true);
}

// ---- Bytes ----

// What OpenSSL's last call came to. kOk never.
IoStatus ServerStream::Failed(int result) {
  const int error = ::SSL_get_error(ssl_, result);
  IoStatus status = IoStatus::kReset;
  switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      status = IoStatus::kEof;
      break;
    default:
      state_ = State::kDead;
      break;
  }
  ::ERR_clear_error();  // the next call of any connection begins with an empty queue
  return status;
}

IoResult ServerStream::Read(std::span<char> buffer) {
  if (end_ != IoStatus::kOk) return {end_, 0};
  if (state_ != State::kOpen) return {IoStatus::kReset, 0};
  if (buffer.empty()) return {IoStatus::kOk, 0};
  size_t got = 0;
  while (got < buffer.size()) {
    if (!readable_ && ::SSL_has_pending(ssl_) == 0) break;
    size_t n = 0;
    const int result = ::SSL_read_ex(ssl_, buffer.data() + got, buffer.size() - got, &n);
    if (result == 1) {
      got += n;
      continue;
    }
    const IoStatus status = Failed(result);
    if (status == IoStatus::kWouldBlock) {
      read_waits_for_write_ = SSL_want_write(ssl_) == 1;
      break;
    }
    end_ = status;
    if (got == 0) return {status, 0};
    // A short read makes the owner wait for an edge, and none will come.
    readable_missed_ = true;
    NotifyLater();
    break;
  }
  return {got > 0 ? IoStatus::kOk : IoStatus::kWouldBlock, got};
}

IoResult ServerStream::Write(std::span<const iovec> pieces) {
  if (state_ != State::kOpen || shutdown_) return {IoStatus::kReset, 0};
  const size_t wanted = SizeOf(pieces);
  size_t written = 0;
  std::array<char, kRecord> scratch;
  while (written < wanted) {
    const std::span<const char> record = Gather(pieces, written, &scratch);
    size_t n = 0;
    const int result = ::SSL_write_ex(ssl_, record.data(), record.size(), &n);
    if (result == 1) {
      written += n;
      continue;
    }
    const IoStatus status = Failed(result);
    if (status != IoStatus::kWouldBlock) {
      end_ = IoStatus::kReset;
      return {IoStatus::kReset, 0};
    }
    want_write_ = true;
    write_waits_for_read_ = SSL_want_read(ssl_) == 1;
    break;
  }
  if (written == 0 && wanted > 0) return {IoStatus::kWouldBlock, 0};
  return {IoStatus::kOk, written};
}

// ---- Ends ----

void ServerStream::SendCloseNotify() {
  if (::SSL_shutdown(ssl_) < 0) ::ERR_clear_error();
}

void ServerStream::ShutdownWrite() {
  if (state_ == State::kOpen) {
    shutdown_ = true;
    const int result = ::SSL_shutdown(ssl_);
    if (result < 0) {
      const int error = ::SSL_get_error(ssl_, result);
      ::ERR_clear_error();
      if (error == SSL_ERROR_WANT_WRITE) {
        shutdown_pending_ = true;  // the end may not overtake what is before it
        return;
      }
    }
  }
  if (below_ != nullptr) below_->ShutdownWrite();
}

void ServerStream::Abort() {
  state_ = State::kDead;
  end_ = IoStatus::kReset;
  if (below_ != nullptr) below_->Abort();
}

}  // namespace hearth::tls
