// Files that cannot be used are refused with an error that names the file and the remedy.
#include "core/tls/server_context.h"

#include <catch2/catch.hpp>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "tests/fakes/tls/test_certificate.h"

namespace hearth::tls {
namespace {

using fakes::MakeCertificate;
using fakes::TempFolder;

std::string ErrorOf(const ServerOptions& options) {
  const RealClock clock;
  const auto context =
      ServerContext::Load(options, std::make_shared<TicketKeys>(clock), clock.WallNow());
  return context.ok() ? "" : std::string(Message(context.status()));
}

TEST_CASE("bad certificate files are refused with file and remedy") {
  const TempFolder folder;
  const CertificateFiles good = MakeCertificate(folder, "good");
  const CertificateFiles other = MakeCertificate(folder, "other");
  const CertificateFiles rsa = MakeCertificate(folder, "rsa", {.rsa = true});
  const CertificateFiles locked = MakeCertificate(folder, "locked", {.passphrase = "secret"});
  const CertificateFiles old =
      MakeCertificate(folder, "old", {.valid_from = -7200, .valid_until = -3600});
  const CertificateFiles future =
      MakeCertificate(folder, "future", {.valid_from = 3600, .valid_until = 7200});
  const std::string text = folder.Write("text.pem", "no certificate\n");
  struct Case {
    const char* name;
    CertificateFiles files;
    std::vector<std::string> says;
  };
  const Case cases[] = {
      {"no certificate", {folder.path() + "/none.crt", good.key}, {"none.crt", "No such file"}},
      {"no key", {good.chain, folder.path() + "/none.key"}, {"none.key", "No such file"}},
      {"no PEM", {text, good.key}, {"text.pem", "PEM"}},
      {"no key in the key", {good.chain, text}, {"text.pem", "BEGIN PRIVATE KEY"}},
      {"of another pair", {good.chain, other.key}, {"other.key", "does not belong", "good.crt"}},
      {"of another kind", {good.chain, rsa.key}, {"rsa.key", "does not belong", "good.crt"}},
      {"a passphrase", locked, {"locked.key", "passphrase", "openssl pkey"}},
      {"expired", old, {"old.crt", "has expired on", "renew"}},
      {"not yet valid", future, {"future.crt", "not valid before", "clock"}},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const std::string error = ErrorOf({.certificates = {c.files}});
      for (const std::string& part : c.says) {
        INFO(error);
        CHECK(error.find(part) != std::string::npos);
      }
    }
  }
  CHECK(ErrorOf({.certificates = {good, rsa}}) == "");
  CHECK(ErrorOf({.certificates = {good}, .client_ca = good.chain}) == "");
  CHECK(ErrorOf({.certificates = {good}, .client_ca = text}).find("text.pem") != std::string::npos);
  CHECK(ErrorOf({}) == "no certificate is given");
}

TEST_CASE("a certificate's hosts and its end are known") {
  const TempFolder folder;
  const RealClock clock;
  const CertificateFiles listed = MakeCertificate(
      folder, "listed", {.hosts = {"A.test", "*.b.test"}, .common_name = "ignored"});
  const CertificateFiles named =
      MakeCertificate(folder, "named", {.hosts = {}, .common_name = "Only.test"});
  const auto context = ServerContext::Load({.certificates = {listed, named}},
                                           std::make_shared<TicketKeys>(clock), clock.WallNow());
  REQUIRE(context.ok());
  const auto& infos = (*context)->certificates();
  CHECK(infos[0].names == std::vector<std::string>{"a.test", "*.b.test"});
  CHECK(infos[1].names == std::vector<std::string>{"only.test"});
  const Duration left = infos[0].not_after - clock.WallNow();
  CHECK(left > std::chrono::minutes(58));
  CHECK(left < std::chrono::minutes(61));
  CHECK((*context)->ForHost("a.test.") == (*context)->ForHost("A.TEST"));
  CHECK((*context)->ForHost("c.test") == nullptr);
  CHECK((*context)->ForHost("b.test") == nullptr);  // a wildcard is for one label
}

}  // namespace
}  // namespace hearth::tls
