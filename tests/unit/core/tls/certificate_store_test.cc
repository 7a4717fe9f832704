#include "core/tls/certificate_store.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <filesystem>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "tests/fakes/tls/test_certificate.h"

namespace hearth::tls {
namespace {

using fakes::MakeCertificate;
using fakes::TempFolder;
using When = CertificateStore::When;

std::string FirstName(const CertificateStore& store) {
  return store.current()->certificates().front().names.front();
}

std::string OpenError(CertificateStoreOptions options) {
  const RealClock clock;
  CertificateStore store(std::move(options), clock);
  const absl::Status status = store.Open();
  return status.ok() ? "" : std::string(Message(status));
}

TEST_CASE("certificates and keys belong together by their order; a folder brings its own") {
  const TempFolder folder;
  const TempFolder many;
  const CertificateFiles a = MakeCertificate(folder, "a", {.hosts = {"a.test"}});
  const CertificateFiles b = MakeCertificate(folder, "b", {.hosts = {"b.test"}});
  const CertificateFiles c = MakeCertificate(many, "c", {.hosts = {"c.test"}});
  const CertificateFiles d = MakeCertificate(many, "d", {.hosts = {"d.test"}});
  std::filesystem::rename(d.chain, many.path() + "/d.pem");
  many.Write("ca.crt", "not looked at, because it has no key");
  const RealClock clock;
  CertificateStore store({.certificates = {a.chain, many.path(), b.chain}, .keys = {a.key, b.key}},
                         clock);
  REQUIRE(store.Open().ok());
  std::vector<std::string> hosts;
  for (const CertificateInfo& info : store.current()->certificates()) {
    hosts.push_back(info.names.front());
  }
  CHECK(hosts == std::vector<std::string>{"a.test", "c.test", "d.test", "b.test"});

  CHECK(OpenError({.certificates = {a.chain, b.chain}, .keys = {a.key}}).find("has no key") !=
        std::string::npos);
  CHECK(OpenError({.certificates = {a.chain}, .keys = {a.key, b.key}}).find("has no certificate") !=
        std::string::npos);
  const TempFolder empty;
  CHECK(OpenError({.certificates = {empty.path()}}).find("holds no certificate") !=
        std::string::npos);
  empty.Write("lonely.key", "");
  CHECK(OpenError({.certificates = {empty.path()}}).find("lonely.crt") != std::string::npos);
}

TEST_CASE("a changed pair is taken into use once it has settled") {
  const TempFolder folder;
  const RealClock clock;
  CertificateFiles files = MakeCertificate(folder, "a", {.hosts = {"one.test"}});
  CertificateStore store({.certificates = {files.chain}, .keys = {files.key}}, clock);
  REQUIRE(store.Open().ok());
  const auto before = store.current();
  CHECK_FALSE(*store.Refresh(When::kSettled));
  CHECK(store.current() == before);

  MakeCertificate(folder, "a", {.hosts = {"two.test"}});
  CHECK_FALSE(*store.Refresh(When::kSettled));  // may be half of a change
  CHECK(FirstName(store) == "one.test");
  CHECK(*store.Refresh(When::kSettled));
  CHECK(FirstName(store) == "two.test");
  CHECK_FALSE(*store.Refresh(When::kSettled));
  CHECK(before->certificates().front().names.front() == "one.test");

  MakeCertificate(folder, "a", {.hosts = {"three.test"}});
  CHECK(*store.Refresh(When::kNow));
  CHECK(FirstName(store) == "three.test");
}

TEST_CASE("a change that cannot be used leaves the old certificates, and is told once") {
  const TempFolder folder;
  const RealClock clock;
  CertificateFiles files = MakeCertificate(folder, "a", {.hosts = {"one.test"}});
  CertificateStore store({.certificates = {files.chain}, .keys = {files.key}}, clock);
  REQUIRE(store.Open().ok());
  const auto refresh = [&] {
    (void)store.Refresh(When::kSettled);
    return store.Refresh(When::kSettled);
  };
  SECTION("another key") {
    folder.Write("a.key", "nonsense");
    CHECK_FALSE(refresh().ok());
  }
  SECTION("expired") {
    MakeCertificate(folder, "a", {.valid_from = -7200, .valid_until = -60});
    CHECK_FALSE(refresh().ok());
  }
  SECTION("gone") {
    ::unlink(files.chain.c_str());
    CHECK_FALSE(refresh().ok());
  }
  CHECK(FirstName(store) == "one.test");
  CHECK(refresh().ok());
  MakeCertificate(folder, "a", {.hosts = {"back.test"}});
  REQUIRE(refresh().ok());
  CHECK(FirstName(store) == "back.test");
}

TEST_CASE("a ticket secret must be there and long enough") {
  const TempFolder folder;
  const CertificateFiles files = MakeCertificate(folder, "a");
  CertificateStoreOptions options{.certificates = {files.chain}, .keys = {files.key}};
  options.ticket_secret = folder.path() + "/none";
  CHECK(OpenError(options).find("none") != std::string::npos);
  options.ticket_secret = folder.Write("short", "0123456789\n");
  CHECK(OpenError(options).find("at least 32") != std::string::npos);
  options.ticket_secret = folder.Write("long", "0123456789abcdef0123456789abcdef\n");
  CHECK(OpenError(options) == "");
}

}  // namespace
}  // namespace hearth::tls
