#include "gateway/auth/credential_file.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace hearth::auth {
namespace {

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/hearth-auth-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A new file in its place, as editors and secret mounts make it: the inode differs.
void Replace(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  std::filesystem::rename(path + ".new", path);
}

TEST_CASE("A changed credentials file counts at the next refresh") {
  TempFolder folder;
  const std::string path = folder.File("credentials");
  CredentialFile file(path);
  CHECK_FALSE(file.Refresh().ok());  // not there
  CHECK_FALSE(file.Accepts("Bearer one"));

  Replace(path, "admin:one\n");
  REQUIRE(file.Refresh().ok());
  CHECK(file.Accepts("Bearer one"));

  Replace(path, "admin:two\n");
  CHECK(file.Accepts("Bearer one"));  // not read yet
  REQUIRE(file.Refresh().ok());
  CHECK_FALSE(file.Accepts("Bearer one"));
  CHECK(file.Accepts("Bearer two"));
}

TEST_CASE("A broken credentials file leaves the last good ones in force") {
  TempFolder folder;
  const std::string path = folder.File("credentials");
  Replace(path, "admin:one\n");
  CredentialFile file(path);
  REQUIRE(file.Refresh().ok());

  Replace(path, "broken\n");
  CHECK_FALSE(file.Refresh().ok());
  CHECK(file.Refresh().ok());  // said once
  CHECK(file.Accepts("Bearer one"));

  std::filesystem::remove(path);
  CHECK_FALSE(file.Refresh().ok());
  CHECK(file.Refresh().ok());
  CHECK(file.Accepts("Bearer one"));

  Replace(path, "admin:three\n");
  CHECK(file.Refresh().ok());
  CHECK(file.Accepts("Bearer three"));
}

}  // namespace
}  // namespace hearth::auth
