#pragma once

#include <string>
#include <vector>

#include "core/tls/server_context.h"

namespace hearth::fakes {

// A folder that goes with its owner.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& content) const;  // its path

 private:
  std::string path_;
};

struct CertificateWish {
  std::vector<std::string> hosts = {"localhost"};
  std::string common_name = "test";
  int64_t valid_from = -3600;  // seconds from now
  int64_t valid_until = 3600;
  bool rsa = false;  // else P-256
  bool ca = false;
  const tls::CertificateFiles* issuer = nullptr;  // else it signs itself
  std::string passphrase = {};                         // of the key
};

// Makes a certificate and its key in `folder`, as NAME.crt and NAME.key. "Now" is the real time.
tls::CertificateFiles MakeCertificate(const TempFolder& folder, const std::string& name,
                                      const CertificateWish& wish = {});

}  // namespace hearth::fakes
