#include "gateway/app/tls_settings.h"

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/address.h"

namespace hearth::gateway {

absl::Status CheckTlsOptions(const Options& options) {
  const bool any = !options.tls_certificates.empty() || !options.tls_keys.empty() ||
                   !options.tls_client_ca.empty() || !options.tls_ticket_secret.empty() ||
                   options.http_redirect;
  if (options.tls_listen.empty()) {
    if (!any) return absl::OkStatus();
    return InvalidArgument(
        Cat(options.http_redirect ? "--http-redirect leads to HTTPS" : "--tls-… settings are given",
            ", but there is no --tls-listen; name the address of HTTPS, such as --tls-listen "
            "0.0.0.0:8443"));
  }
  if (options.tls_certificates.empty()) {
    return InvalidArgument(
        "--tls-listen needs a certificate: give --tls-cert and --tls-key, or --tls-cert with a "
        "folder of NAME.crt and NAME.key");
  }
  ASSIGN_OR_RETURN(const net::Address address, net::Address::Parse(options.tls_listen));
  if (options.http_redirect && (address.kind != net::Address::Kind::kTcp || address.port == 0)) {
    return InvalidArgument("--http-redirect needs a --tls-listen with a port to lead to");
  }
  return absl::OkStatus();
}

tls::CertificateStoreOptions CertificateOptions(const Options& options) {
  tls::CertificateStoreOptions out;
  out.certificates = options.tls_certificates;
  out.keys = options.tls_keys;
  out.client_ca = options.tls_client_ca;
  out.ticket_secret = options.tls_ticket_secret;
  out.protocols = {"h2", "http/1.1"};
  return out;
}

proxy::ListenerKind PublicKind(const Options& options) {
  return options.http_redirect ? proxy::ListenerKind::kRedirect : proxy::ListenerKind::kPublic;
}

uint16_t RedirectPort(const Options& options) {
  if (!options.http_redirect) return 0;
  const auto address = net::Address::Parse(options.tls_listen);
  return address.ok() ? address->port : uint16_t{0};
}

Reading CertificateReading(const tls::CertificateStore& certificates) {
  double first = 0;
  for (const tls::CertificateInfo& info : certificates.current()->certificates()) {
    const auto seconds = static_cast<double>(
        std::chrono::duration_cast<std::chrono::seconds>(info.not_after.time_since_epoch())
            .count());
    first = first == 0 ? seconds : std::min(first, seconds);
  }
  return {"hearth_gateway_tls_certificate_expires_seconds",
          "Unix time at which the first of the certificates expires", prometheus::MetricType::Gauge,
          first};
}

}  // namespace hearth::gateway
