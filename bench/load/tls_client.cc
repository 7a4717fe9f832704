#include "bench/load/tls_client.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/absl_compat.h"

namespace hearth::load {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
};
struct FreeSession {
  void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
};
struct FreeSsl {
  void operator()(SSL* p) const { SSL_free(p); }
};

class Client final : public TlsClient {
 public:
  Client(SSL_CTX* context, std::string server_name, bool resume)
      : context_(context), server_name_(std::move(server_name)), resume_(resume) {
    SSL_CTX_set_app_data(context, this);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
      auto* self = static_cast<Client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      self->session_.reset(session);
      return 1;  // the reference is ours now
    });
  }

  std::unique_ptr<net::Stream> Wrap(std::unique_ptr<net::Stream> stream) override;
  uint64_t handshakes() const override { return handshakes_; }
  uint64_t resumed() const override { return resumed_; }

  SSL* NewSsl() {
    SSL* ssl = SSL_new(context_.get());
    SSL_set_tlsext_host_name(ssl, server_name_.c_str());
    if (resume_ && session_ != nullptr) SSL_set_session(ssl, session_.get());
    SSL_set_connect_state(ssl);
    return ssl;
  }
  void HandshakeDone(SSL* ssl) {
    ++handshakes_;
    if (SSL_session_reused(ssl) == 1) ++resumed_;
  }

 private:
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::string server_name_;
  bool resume_;
  std::unique_ptr<SSL_SESSION, FreeSession> session_;
  uint64_t handshakes_ = 0;
  uint64_t resumed_ = 0;
};

// TLS over a stream, through memory: OpenSSL never sees the socket.
class TlsStream final : public net::Stream, private net::StreamHandler {
 public:
  TlsStream(Client& client, std::unique_ptr<net::Stream> inner)
      : client_(client), inner_(std::move(inner)), ssl_(client.NewSsl()) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl_.get(), in_, out_);
    inner_->SetHandler(this);
  }
  ~TlsStream() override {
    SSL_shutdown(ssl_.get());
    Flush();
  }

  void SetHandler(net::StreamHandler* handler) override { handler_ = handler; }

  net::IoResult Write(std::span<const iovec> pieces) override {
    if (!Handshake()) return Blocked();
    size_t total = 0;
    for (const iovec& piece : pieces) {
      if (piece.iov_len == 0) continue;
      if (pending_ > 0) break;
      size_t written = 0;
      if (SSL_write_ex(ssl_.get(), piece.iov_base, piece.iov_len, &written) != 1) return Blocked();
      total += written;
      if (!Flush()) return {net::IoStatus::kReset, 0};
    }
    blocked_ = pending_ > 0;
    return {net::IoStatus::kOk, total};
  }

  // Fills `buffer` as far as the socket goes, so that a short result means that nothing is left.
  net::IoResult Read(std::span<char> buffer) override {
    size_t total = 0;
    drained_ = false;
    while (total < buffer.size()) {
      size_t n = 0;
      if (SSL_read_ex(ssl_.get(), buffer.data() + total, buffer.size() - total, &n) == 1) {
        total += n;
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), 0);
      if (error == SSL_ERROR_ZERO_RETURN) return Partly(total, net::IoStatus::kEof);
      if (error != SSL_ERROR_WANT_READ) return Partly(total, net::IoStatus::kReset);
      if (drained_) return Partly(total, net::IoStatus::kWouldBlock);
      const net::IoStatus status = Fetch();
      if (status != net::IoStatus::kOk) return Partly(total, status);
    }
    return {net::IoStatus::kOk, total};
  }

  void ShutdownWrite() override {
    SSL_shutdown(ssl_.get());
    Flush();
  }
  void Abort() override { inner_->Abort(); }
  int fd() const override { return inner_->fd(); }

 private:
  static net::IoResult Partly(size_t total, net::IoStatus status) {
    if (total > 0) return {net::IoStatus::kOk, total};
    return {status, 0};
  }
  net::IoResult Blocked() {
    if (broken_) return {net::IoStatus::kReset, 0};
    blocked_ = true;
    return {net::IoStatus::kWouldBlock, 0};
  }

  // True once it is done; otherwise goes on when more has come.
  bool Handshake() {
    while (SSL_is_init_finished(ssl_.get()) == 0) {
      const int result = SSL_do_handshake(ssl_.get());
      if (!Flush()) broken_ = true;
      if (result == 1) {
        client_.HandshakeDone(ssl_.get());
        return true;
      }
      if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) broken_ = true;
      if (broken_) return false;
      const net::IoStatus status = Fetch();
      if (status == net::IoStatus::kWouldBlock) return false;
      if (status != net::IoStatus::kOk) broken_ = true;
    }
    return true;
  }

  // From the socket to OpenSSL.
  net::IoStatus Fetch() {
    std::array<char, 16 * 1024> bytes;
    const net::IoResult result = inner_->Read(bytes);
    if (result.status == net::IoStatus::kOk) {
      BIO_write(in_, bytes.data(), static_cast<int>(result.bytes));
      drained_ = result.bytes < bytes.size();
    }
    return result.status;
  }

  // From OpenSSL to the socket, as far as it takes it. False: the connection is dead.
  bool Flush() {
    for (;;) {
      if (pending_ == 0) {
        const int n = BIO_read(out_, piece_.data(), static_cast<int>(piece_.size()));
        if (n <= 0) return true;
        pending_ = static_cast<size_t>(n);
        offset_ = 0;
      }
      const net::IoResult result = net::WriteAllOf(*inner_, {piece_.data() + offset_, pending_});
      if (result.status == net::IoStatus::kReset) return false;
      offset_ += result.bytes;
      pending_ -= result.bytes;
      if (pending_ > 0) return true;
    }
  }

  void OnReadable() override {
    if (SSL_is_init_finished(ssl_.get()) == 0) return OnWritable();
    if (handler_ != nullptr) handler_->OnReadable();
  }
  void OnWritable() override {
    if (!Flush()) broken_ = true;
    const bool ready = (Handshake() && pending_ == 0) || broken_;
    if (!ready || !std::exchange(blocked_, false) || handler_ == nullptr) return;
    handler_->OnWritable();
  }

  Client& client_;
  std::unique_ptr<net::Stream> inner_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  BIO* in_ = nullptr;   // what the server sent; owned by ssl_
  BIO* out_ = nullptr;  // what it is to get; owned by ssl_
  net::StreamHandler* handler_ = nullptr;
  std::array<char, 16 * 1024> piece_;  // of out_, on its way to the socket
  size_t offset_ = 0;
  size_t pending_ = 0;
  bool blocked_ = false;  // OnWritable is owed
  bool broken_ = false;
  bool drained_ = false;  // the last fetch came back short
};

std::unique_ptr<net::Stream> Client::Wrap(std::unique_ptr<net::Stream> stream) {
  return std::make_unique<TlsStream>(*this, std::move(stream));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Make(std::string server_name, bool resume) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return Internal("OpenSSL makes no TLS context");
  std::unique_ptr<TlsClient> client =
      std::make_unique<Client>(context, std::move(server_name), resume);
  return client;
}

}  // namespace hearth::load
