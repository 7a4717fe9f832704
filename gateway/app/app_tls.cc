// The part of App that has to do with TLS towards clients.
#include <chrono>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "gateway/app/app.h"
#include "gateway/app/tls_settings.h"

namespace hearth::gateway {
namespace {

constexpr auto kExpiresSoon = std::chrono::hours(24 * 14);

}  // namespace

absl::Status App::OpenCertificates() {
  RETURN_IF_ERROR(CheckTlsOptions(options_));
  if (options_.tls_listen.empty()) return absl::OkStatus();
  certificates_ = std::make_unique<tls::CertificateStore>(CertificateOptions(options_), clock_);
  if (const absl::Status status = certificates_->Open(); !status.ok()) {
    return absl::Status(status.code(), A(Cat("TLS cannot be served: ", Message(status),
                                             " (--tls-cert, --tls-key, …)")));
  }
  for (const tls::CertificateInfo& info : certificates_->current()->certificates()) {
    logger_.Info("certificate", {{"file", info.chain_file}, {"hosts", Join(info.names, ",")}});
    if (info.not_after - clock_.WallNow() < kExpiresSoon) {
      logger_.Warn("a certificate expires within two weeks; renew it", {{"file", info.chain_file}});
    }
  }
  return absl::OkStatus();
}

absl::Status App::ListenTls() {
  if (certificates_ == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const net::Address wanted, net::Address::Parse(options_.tls_listen));
  auto bound = Open("tls", wanted, proxy::ListenerKind::kTls);
  if (!bound.ok()) {
    return absl::Status(bound.status().code(), A(Cat(Message(bound.status()), " (--tls-listen)")));
  }
  tls_address_ = *bound;
  logger_.Info("listening for HTTPS", {{"address", tls_address_.Text()}});
  return absl::OkStatus();
}

void App::RefreshCertificates(tls::CertificateStore::When when) {
  if (certificates_ == nullptr) return;
  const auto changed = certificates_->Refresh(when);
  if (!changed.ok()) {
    logger_.Error("certificates not read again; the old ones stay in force",
                  {{"error", Message(changed.status())}});
  } else if (*changed) {
    logger_.Info("certificates read again; new connections get them");
  }
}

void App::Reload() {
  admin_loop_->Post([this] {
    RefreshCertificates(tls::CertificateStore::When::kNow);
    RefreshCredentials();
  });
}

}  // namespace hearth::gateway
