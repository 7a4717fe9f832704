#include "tests/fakes/tls/tls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstdlib>

namespace hearth::fakes {
namespace {

TlsSession Own(SSL_SESSION* session) {
  return {session, [](SSL_SESSION* s) { ::SSL_SESSION_free(s); }};
}

}  // namespace

TlsClient::TlsClient(net::Loop& loop, std::string_view address, const TlsClientOptions& options) {
  MakeTls(options);
  connect_ = loop.Connect(*net::Address::Parse(address), std::chrono::seconds(10),
                          [this](absl::StatusOr<std::unique_ptr<net::Stream>> stream) {
                            if (stream.ok()) {
                              Attach(*std::move(stream));
                            } else {
                              reset_ = true;
                            }
                          });
}

TlsClient::TlsClient(std::unique_ptr<net::Stream> stream, const TlsClientOptions& options) {
  MakeTls(options);
  Attach(std::move(stream));
}

TlsClient::~TlsClient() {
  if (stream_ != nullptr) stream_->SetHandler(nullptr);
  ::SSL_free(ssl_);
  ::SSL_CTX_free(context_);
}

void TlsClient::MakeTls(const TlsClientOptions& options) {
  context_ = ::SSL_CTX_new(::TLS_client_method());
  // Old versions are for showing that they are refused.
  if (options.max_version != 0) {
    ::SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, options.max_version);
  }
  if (options.only_tls12) {
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
  }
  if (!options.ciphers12.empty()) {
    ::SSL_CTX_set_cipher_list(context_, options.ciphers12.c_str());
  }
  if (options.certificate != nullptr) {
    ::SSL_CTX_use_certificate_chain_file(context_, options.certificate->chain.c_str());
    ::SSL_CTX_use_PrivateKey_file(context_, options.certificate->key.c_str(), SSL_FILETYPE_PEM);
  }
  if (!options.trust.empty()) {
    ::SSL_CTX_load_verify_file(context_, options.trust.c_str());
    ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context_, this);
  ::SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
    self->session_ = Own(session);
    return 1;
  });
  ssl_ = ::SSL_new(context_);
  in_ = ::BIO_new(::BIO_s_mem());
  out_ = ::BIO_new(::BIO_s_mem());
  BIO_set_mem_eof_return(in_, -1);
  ::SSL_set_bio(ssl_, in_, out_);
  ::SSL_set_connect_state(ssl_);
  if (!options.host.empty()) {
    SSL_set_tlsext_host_name(ssl_, options.host.c_str());
    if (!options.trust.empty()) ::SSL_set1_host(ssl_, options.host.c_str());
  }
  std::string protocols;
  for (const std::string& protocol : options.protocols) {
    protocols.push_back(static_cast<char>(protocol.size()));
    protocols += protocol;
  }
  if (!protocols.empty()) {
    ::SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
  }
  if (options.resume != nullptr) {
    // A copy: OpenSSL marks a session that fails.
    SSL_SESSION* copy = ::SSL_SESSION_dup(options.resume.get());
    ::SSL_set_session(ssl_, copy);
    ::SSL_SESSION_free(copy);
  }
}

void TlsClient::Attach(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetHandler(this);
  Pump();
}

void TlsClient::Send(std::string_view bytes) {
  plain_.append(bytes);
  Pump();
}

void TlsClient::SendRaw(std::string_view bytes) {
  outgoing_.append(bytes);
  Flush();
}

void TlsClient::RequestKeyUpdate() {
  if (::SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) != 1) std::abort();
  ::SSL_do_handshake(ssl_);
  Pump();
}

bool TlsClient::Renegotiate() {
  if (::SSL_renegotiate(ssl_) != 1) return false;
  ::SSL_do_handshake(ssl_);
  Pump();
  return true;
}

void TlsClient::Finish() {
  finish_ = true;
  Pump();
}

void TlsClient::Cut() {
  Flush();
  stream_->ShutdownWrite();
}

void TlsClient::Abort() {
  stream_->SetHandler(nullptr);
  stream_->Abort();
}

void TlsClient::Resume() {
  paused_ = false;
  OnReadable();
}

void TlsClient::OnReadable() {
  std::array<char, 8192> bytes;
  while (!paused_ && stream_ != nullptr) {
    const net::IoResult result = stream_->Read(bytes);
    if (result.status == net::IoStatus::kWouldBlock) break;
    if (result.status == net::IoStatus::kEof) eof_ = true;
    if (result.status == net::IoStatus::kReset) reset_ = true;
    if (result.status != net::IoStatus::kOk) break;
    ::BIO_write(in_, bytes.data(), static_cast<int>(result.bytes));
    if (result.bytes < bytes.size()) break;
  }
  Pump();
}

void TlsClient::Pump() {
  if (stream_ == nullptr) return;
  if (!failed_ && !done_) {
    const int result = ::SSL_do_handshake(ssl_);
    done_ = result == 1;
    failed_ = !done_ && ::SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ;
  }
  if (!failed_ && done_) {
    if (!plain_.empty()) {
      size_t written = 0;
      if (::SSL_write_ex(ssl_, plain_.data(), plain_.size(), &written) == 1) {
        plain_.erase(0, written);
      }
    }
    std::array<char, 16384> bytes;
    size_t n = 0;
    int result = 1;
    while ((result = ::SSL_read_ex(ssl_, bytes.data(), bytes.size(), &n)) == 1) {
      received_.append(bytes.data(), n);
    }
    const int error = ::SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_ZERO_RETURN) {
      finished_ = true;
    } else if (error != SSL_ERROR_WANT_READ) {
      failed_ = true;
    }
    if (finish_ && plain_.empty() && !shut_) ::SSL_shutdown(ssl_);
  }
  ::ERR_clear_error();
  std::array<char, 16384> bytes;
  for (int n = 0; (n = ::BIO_read(out_, bytes.data(), bytes.size())) > 0;) {
    outgoing_.append(bytes.data(), static_cast<size_t>(n));
  }
  Flush();
}

void TlsClient::Flush() {
  while (!outgoing_.empty() && stream_ != nullptr) {
    const net::IoResult result = net::WriteAllOf(*stream_, outgoing_);
    if (result.status == net::IoStatus::kReset) reset_ = true;
    if (result.status != net::IoStatus::kOk || result.bytes == 0) return;
    const bool whole = result.bytes == outgoing_.size();
    outgoing_.erase(0, result.bytes);
    if (!whole) return;
  }
  if (finish_ && done_ && plain_.empty() && !shut_ && stream_ != nullptr) {
    shut_ = true;
    stream_->ShutdownWrite();
  }
}

bool TlsClient::resumed() const { return ::SSL_session_reused(ssl_) == 1; }
std::string TlsClient::version() const { return ::SSL_get_version(ssl_); }
std::string TlsClient::cipher() const { return SSL_get_cipher(ssl_); }

std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  ::SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::server_name() const {
  X509* certificate = ::SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return "";
  char name[256] = "";
  ::X509_NAME_get_text_by_NID(::X509_get_subject_name(certificate), NID_commonName, name,
                              sizeof name);
  return name;
}

}  // namespace hearth::fakes
