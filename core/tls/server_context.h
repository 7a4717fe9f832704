#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/tls/ticket_keys.h"

struct ssl_st;
struct ssl_ctx_st;

namespace hearth::tls {

struct CertificateFiles {
  std::string chain = {};  // PEM, the server's own certificate first
  std::string key = {};    // PEM, without a passphrase
  bool operator==(const CertificateFiles&) const = default;
};

struct ServerOptions {
  // The first one serves clients that name no host, or one that no certificate has.
  std::vector<CertificateFiles> certificates = {};
  std::string client_ca = {};  // PEM; clients must show a certificate of these; empty: none is asked for
  std::vector<std::string> protocols = {"http/1.1"};  // ALPN, best first
};

struct CertificateInfo {
  std::string chain_file;
  std::vector<std::string> names;  // hosts, lower case; "*.example.org" for a wildcard
  WallTime not_after{};
};

// What a TLS server shows and accepts: certificates chosen by the host that the client asks for,
// TLS 1.2 and 1.3 with forward secrecy only, no renegotiation, no compression, no early data;
// sessions resumed by tickets, so that no loop keeps any. It exists to be made anew when a file
// changes, while connections keep the one they began with. Immutable; any thread.
class ServerContext {
 public:
  // Errors name the file and what to do.
  static absl::StatusOr<std::shared_ptr<const ServerContext>> Load(
      const ServerOptions& options, std::shared_ptr<TicketKeys> tickets, WallTime now);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  // A connection's state, to be freed by its caller; nullptr where memory is short. The context
  // must outlive it.
  ssl_st* NewConnection() const;
  const std::vector<CertificateInfo>& certificates() const { return infos_; }

  // For the callbacks.
  ssl_ctx_st* ForHost(std::string_view host) const;  // nullptr: no certificate has it
  TicketKeys& tickets() const { return *tickets_; }
  const std::string& protocols() const { return protocols_; }  // as ALPN writes them

 private:
  explicit ServerContext(std::shared_ptr<TicketKeys> tickets) : tickets_(std::move(tickets)) {}
  absl::Status AddCertificate(const CertificateFiles& files, WallTime now);
  absl::Status AskForClients(const std::string& ca_file);

  const std::shared_ptr<TicketKeys> tickets_;
  std::string protocols_;
  std::vector<ssl_ctx_st*> contexts_;  // owned
  std::vector<CertificateInfo> infos_;
  std::unordered_map<std::string, ssl_ctx_st*> by_host_;
};

}  // namespace hearth::tls
