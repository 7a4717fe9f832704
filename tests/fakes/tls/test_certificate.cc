#include "tests/fakes/tls/test_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace hearth::fakes {
namespace {

FILE* Open(const std::string& path, const char* mode) {
  FILE* file = std::fopen(path.c_str(), mode);
  if (file == nullptr) std::abort();
  return file;
}

void AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) std::abort();
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "hearth-tls-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::Write(const std::string& name, const std::string& content) const {
  const std::string path = path_ + "/" + name;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  return path;
}

tls::CertificateFiles MakeCertificate(const TempFolder& folder, const std::string& name,
                                      const CertificateWish& wish) {
  static std::atomic<long> serial{1};
  EVP_PKEY* key = wish.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  X509* certificate = ::X509_new();
  ::X509_set_version(certificate, X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), serial.fetch_add(1));
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), wish.valid_from);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), wish.valid_until);
  ::X509_set_pubkey(certificate, key);
  X509_NAME* subject = ::X509_get_subject_name(certificate);
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1,
                               -1, 0);
  X509* issuer = certificate;
  EVP_PKEY* issuer_key = key;
  if (wish.issuer != nullptr) {
    FILE* file = Open(wish.issuer->chain, "r");
    issuer = ::PEM_read_X509(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    file = Open(wish.issuer->key, "r");
    issuer_key = ::PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
    std::fclose(file);
  }
  ::X509_set_issuer_name(certificate, ::X509_get_subject_name(issuer));
  if (wish.ca) AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.hosts.empty()) {
    std::string hosts;
    for (const std::string& host : wish.hosts) hosts += (hosts.empty() ? "DNS:" : ",DNS:") + host;
    AddExtension(certificate, issuer, NID_subject_alt_name, hosts);
  }
  if (::X509_sign(certificate, issuer_key, ::EVP_sha256()) == 0) std::abort();

  tls::CertificateFiles files{folder.path() + "/" + name + ".crt",
                              folder.path() + "/" + name + ".key"};
  FILE* file = Open(files.chain, "w");
  ::PEM_write_X509(file, certificate);
  std::fclose(file);
  file = Open(files.key, "w");
  ::PEM_write_PrivateKey(
      file, key, wish.passphrase.empty() ? nullptr : ::EVP_aes_256_cbc(), nullptr, 0, nullptr,
      wish.passphrase.empty() ? nullptr : const_cast<char*>(wish.passphrase.c_str()));
  std::fclose(file);
  if (wish.issuer != nullptr) {
    ::X509_free(issuer);
    ::EVP_PKEY_free(issuer_key);
  }
  ::X509_free(certificate);
  ::EVP_PKEY_free(key);
  return files;
}

}  // namespace hearth::fakes
