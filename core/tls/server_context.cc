#include "core/tls/server_context.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::tls {
namespace {

// TLS 1.2: ephemeral keys and authenticated ciphers only. 1.3 has no others.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
// Sessions of one context may be resumed in another, whatever the certificate.
constexpr unsigned char kSessionContext[] = "hearth";

// The reason of the first error in OpenSSL's queue, which is left empty.
std::string TakeError() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

absl::Status CheckReadable(const std::string& path, std::string_view what) {
  if (::access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return NotFound(Cat("cannot read the ", what, " ", path, ": ", std::strerror(errno)));
}

WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ::ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

std::string Day(WallTime time) {
  const time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  char text[32];
  ::gmtime_r(&seconds, &parts);
  return {text, ::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts)};
}

std::string TextOf(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ::ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) {
    ::ERR_clear_error();
    return {};
  }
  std::string text(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
  ::OPENSSL_free(utf8);
  return ToLower(text);
}

// The hosts a certificate is for; its common name only where it lists none.
std::vector<std::string> HostsOf(X509* certificate) {
  std::vector<std::string> hosts;
  auto* names = static_cast<GENERAL_NAMES*>(
      ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) hosts.push_back(TextOf(name->d.dNSName));
  }
  ::GENERAL_NAMES_free(names);
  if (!hosts.empty()) return hosts;
  X509_NAME* subject = ::X509_get_subject_name(certificate);
  const int at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) {
    hosts.push_back(TextOf(::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, at))));
  }
  return hosts;
}

const ServerContext& ContextOf(SSL* ssl) {
  return *static_cast<const ServerContext*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
}

int OnServerName(SSL* ssl, int*, void*) {
  const char* host = ::SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (host == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* context = ContextOf(ssl).ForHost(host);
  if (context == nullptr) return SSL_TLSEXT_ERR_NOACK;  // the first certificate has to do
  ::SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

int OnProtocols(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned offered_size, void*) {
  const std::string& ours = ContextOf(ssl).protocols();
  unsigned char* out = nullptr;
  const int result =
      ::SSL_select_next_proto(&out, size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered, offered_size);
  // RFC 7301: a client with none of ours is told so rather than left guessing.
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

bool Prepare(const TicketKeys::Key& key, EVP_MAC_CTX* mac) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      ::OSSL_PARAM_construct_octet_string(
          OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()), key.mac.size()),
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      ::OSSL_PARAM_construct_end()};
  return ::EVP_MAC_CTX_set_params(mac, params) == 1;
}

// 1: go on, 2: go on and issue a new ticket, 0: unknown key, full handshake, -1: failure.
int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
             EVP_MAC_CTX* mac, int sealing) {
  TicketKeys& keys = ContextOf(ssl).tickets();
  if (sealing != 0) {
    const TicketKeys::Key key = keys.Current();
    FillRandom({reinterpret_cast<char*>(iv), 16});
    std::memcpy(name, key.name.data(), key.name.size());
    const bool ready =
        Prepare(key, mac) &&
        ::EVP_EncryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1;
    return ready ? 1 : -1;
  }
  const auto found =
      keys.Find(std::span<const unsigned char, TicketKeys::kNameSize>(name, TicketKeys::kNameSize));
  if (!found) return 0;
  const bool ready =
      Prepare(found->key, mac) &&
      ::EVP_DecryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) == 1;
  if (!ready) return -1;
  return found->current ? 1 : 2;
}

// Called for a key with a passphrase: there is nobody to ask.
int OnPassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

SSL_CTX* NewContext() {
  SSL_CTX* context = ::SSL_CTX_new(::TLS_server_method());
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_cipher_list(context, kCiphers12);
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  // Idle connections hold no record buffers; a write that did not fit is repeated from wherever the
  // bytes are then.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one system call brings header and record
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  ::SSL_CTX_set_timeout(
      context, std::chrono::duration_cast<std::chrono::seconds>(TicketKeys::kPeriod).count() *
                   TicketKeys::kPeriodsKept);
  ::SSL_CTX_set_tlsext_ticket_key_evp_cb(context, OnTicket);
  SSL_CTX_set_tlsext_servername_callback(context, OnServerName);
  ::SSL_CTX_set_alpn_select_cb(context, OnProtocols, nullptr);
  return context;
}

absl::Status UseKey(SSL_CTX* context, const CertificateFiles& files) {
  BIO* file = ::BIO_new_file(files.key.c_str(), "r");
  if (file == nullptr) return NotFound(Cat("cannot read the key ", files.key, ": ", TakeError()));
  bool asked = false;
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(file, nullptr, OnPassphrase, &asked);
  ::BIO_free(file);
  if (asked) {
    ::EVP_PKEY_free(key);
    ::ERR_clear_error();
    return InvalidArgument(Cat("the key ", files.key, " has a passphrase; write it without one: ",
                               "openssl pkey -in ", files.key, " -out …"));
  }
  if (key == nullptr) {
    ::ERR_clear_error();
    return InvalidArgument(Cat("no private key in PEM form is in ", files.key,
                               "; it begins with -----BEGIN PRIVATE KEY-----"));
  }
  const bool used = ::SSL_CTX_use_PrivateKey(context, key) == 1;
  ::EVP_PKEY_free(key);
  if (used && ::SSL_CTX_check_private_key(context) == 1) return absl::OkStatus();
  ::ERR_clear_error();
  return InvalidArgument(Cat("the key ", files.key, " does not belong to the certificate ",
                             files.chain, "; name the pair that was made together"));
}

absl::Status CheckDates(X509* certificate, const std::string& path, WallTime now) {
  const WallTime from = ToWallTime(::X509_get0_notBefore(certificate));
  const WallTime until = ToWallTime(::X509_get0_notAfter(certificate));
  if (now >= until) {
    return FailedPrecondition(
        Cat("the certificate ", path, " has expired on ", Day(until), "; renew it"));
  }
  if (now < from) {
    return FailedPrecondition(Cat("the certificate ", path, " is not valid before ", Day(from),
                                  "; check this machine's clock"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServerContext>> ServerContext::Load(
    const ServerOptions& options, std::shared_ptr<TicketKeys> tickets, WallTime now) {
  if (options.certificates.empty()) return InvalidArgument("no certificate is given");
  std::shared_ptr<ServerContext> made(new ServerContext(std::move(tickets)));
  for (const std::string& protocol : options.protocols) {
    made->protocols_.push_back(static_cast<char>(protocol.size()));
    made->protocols_.append(protocol);
  }
  for (const CertificateFiles& files : options.certificates) {
    RETURN_IF_ERROR(made->AddCertificate(files, now));
  }
  if (!options.client_ca.empty()) RETURN_IF_ERROR(made->AskForClients(options.client_ca));
  return std::shared_ptr<const ServerContext>(std::move(made));
}

ServerContext::~ServerContext() {
  for (SSL_CTX* context : contexts_) ::SSL_CTX_free(context);
}

absl::Status ServerContext::AddCertificate(const CertificateFiles& files, WallTime now) {
  RETURN_IF_ERROR(CheckReadable(files.chain, "certificate"));
  RETURN_IF_ERROR(CheckReadable(files.key, "key"));
  SSL_CTX* context = NewContext();
  if (context == nullptr) return Internal(Cat("OpenSSL gives no context: ", TakeError()));
  contexts_.push_back(context);
  SSL_CTX_set_app_data(context, this);
  if (::SSL_CTX_use_certificate_chain_file(context, files.chain.c_str()) != 1) {
    return InvalidArgument(Cat("the certificate ", files.chain, " cannot be used: ", TakeError(),
                               "; it must be PEM, the server's own certificate first"));
  }
  RETURN_IF_ERROR(UseKey(context, files));
  X509* certificate = ::SSL_CTX_get0_certificate(context);
  RETURN_IF_ERROR(CheckDates(certificate, files.chain, now));
  CertificateInfo info;
  info.chain_file = files.chain;
  info.names = HostsOf(certificate);
  info.not_after = ToWallTime(::X509_get0_notAfter(certificate));
  for (const std::string& host : info.names) by_host_.emplace(host, context);
  infos_.push_back(std::move(info));
  return absl::OkStatus();
}

absl::Status ServerContext::AskForClients(const std::string& ca_file) {
  RETURN_IF_ERROR(CheckReadable(ca_file, "CA file"));
  STACK_OF(X509_NAME)* names = ::SSL_load_client_CA_file(ca_file.c_str());
  if (names == nullptr) {
    return InvalidArgument(Cat("no certificate in PEM form is in ", ca_file, ": ", TakeError()));
  }
  for (SSL_CTX* context : contexts_) {
    if (::SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, ::X509_NAME_free);
      return InvalidArgument(Cat("the CA file ", ca_file, " cannot be used: ", TakeError()));
    }
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    ::SSL_CTX_set_client_CA_list(context, ::SSL_dup_CA_list(names));
  }
  sk_X509_NAME_pop_free(names, ::X509_NAME_free);
  return absl::OkStatus();
}

SSL* ServerContext::NewConnection() const {
  SSL* ssl = ::SSL_new(contexts_.front());
  if (ssl != nullptr) ::SSL_set_accept_state(ssl);
  return ssl;
}

SSL_CTX* ServerContext::ForHost(std::string_view host) const {
  std::string name = ToLower(host);
  if (name.ends_with('.')) name.pop_back();
  if (const auto exact = by_host_.find(name); exact != by_host_.end()) return exact->second;
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto wildcard = by_host_.find("*" + name.substr(dot));
  return wildcard == by_host_.end() ? nullptr : wildcard->second;
}

}  // namespace hearth::tls
