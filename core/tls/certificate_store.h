#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/tls/server_context.h"
#include "core/tls/ticket_keys.h"

namespace hearth::tls {

struct CertificateStoreOptions {
  // Certificate files, each with its key at the same place of `keys`; or folders, which hold
  // NAME.crt or NAME.pem for each NAME.key and take no place in `keys`.
  std::vector<std::string> certificates = {};
  std::vector<std::string> keys = {};
  std::string client_ca = {};
  std::string ticket_secret = {};  // file; empty: keys of tickets are random
  std::vector<std::string> protocols = {"http/1.1"};
};

// Keeps a server's certificates up to date with their files: connections made after a change are
// served with the new ones, those before keep theirs. A change that cannot be used leaves the old
// certificates in force. `current` may be called by any thread, Open and Refresh by one.
class CertificateStore {
 public:
  CertificateStore(CertificateStoreOptions options, const Clock& clock);

  // At start. Errors name the file and what to do.
  absl::Status Open();

  enum class When : uint8_t {
    kSettled,  // after the files have stayed as they are from one look to the next
    kNow,
  };
  // Looks at the files. True: they have changed and are in force. An error is told once.
  absl::StatusOr<bool> Refresh(When when);

  std::shared_ptr<const ServerContext> current() const;

 private:
  using Stamp = std::vector<int64_t>;
  absl::StatusOr<std::vector<CertificateFiles>> Files() const;
  Stamp StampOf(const std::vector<CertificateFiles>& files) const;
  absl::Status Load(const std::vector<CertificateFiles>& files);

  const CertificateStoreOptions options_;
  const Clock& clock_;
  std::shared_ptr<TicketKeys> tickets_;
  Stamp loaded_;              // of the files when they were last read, successfully or not
  Stamp seen_;                // at the last look
  mutable std::mutex mutex_;  // guards current_
  std::shared_ptr<const ServerContext> current_;
};

}  // namespace hearth::tls
