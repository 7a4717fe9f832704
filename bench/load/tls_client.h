#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/net/stream.h"

namespace hearth::load {

// Makes TLS out of connected streams and, where wanted, resumes the newest session on each. Checks
// no certificate: it measures, it does not trust. One thread; outlives its streams.
class TlsClient {
 public:
  static absl::StatusOr<std::unique_ptr<TlsClient>> Make(std::string server_name, bool resume);
  virtual ~TlsClient() = default;

  virtual std::unique_ptr<net::Stream> Wrap(std::unique_ptr<net::Stream> stream) = 0;
  virtual uint64_t handshakes() const = 0;
  virtual uint64_t resumed() const = 0;  // of these
};

}  // namespace hearth::load
