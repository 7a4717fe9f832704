#pragma once

#include <absl/status/status.h>

#include <cstdint>

#include "core/tls/certificate_store.h"
#include "gateway/app/options.h"
#include "gateway/metrics/reading.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::gateway {

// What the options that begin with tls- and --http-redirect come to. Values in, values out.

// That they fit each other; an error names the option to change.
absl::Status CheckTlsOptions(const Options& options);
tls::CertificateStoreOptions CertificateOptions(const Options& options);
proxy::ListenerKind PublicKind(const Options& options);  // of --listen
uint16_t RedirectPort(const Options& options);           // 0: --listen answers by itself
Reading CertificateReading(const tls::CertificateStore& certificates);

}  // namespace hearth::gateway
