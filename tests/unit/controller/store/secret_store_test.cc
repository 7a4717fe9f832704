#include "controller/store/secret_store.h"

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <filesystem>

#include "controller/store/file_secret_store.h"
#include "controller/store/secret_rules.h"
#include "tests/fakes/fake_store.h"
#include "tests/unit/controller/store/temp_folder.h"

using namespace hearth;
using namespace hearth::controller;

namespace {

using absl::StatusCode;

// What every SecretStore does.
void SecretContract(SecretStore& s) {
  CHECK(s.List("default")->empty());
  CHECK(s.Create("default", "token", "hunter2").ok());
  CHECK(s.Create("default", "token", "x").code() == StatusCode::kAlreadyExists);
  CHECK(s.Read("default", "token").value() == "hunter2");
  CHECK(s.Read("other", "token").status().code() == StatusCode::kNotFound);
  const auto before = s.Versions("default", {"token"}).value();
  CHECK(s.Versions("default", {"token"}).value() == before);
  CHECK(before.at("token").find("hunter2") == std::string::npos);
  CHECK(s.Update("default", "token", std::string("a\0b", 3)).ok());
  CHECK(s.Read("default", "token")->size() == 3);
  CHECK(s.Versions("default", {"token"}).value() != before);
  CHECK(s.Update("default", "none", "x").code() == StatusCode::kNotFound);
  CHECK(s.Remove("default", "none").code() == StatusCode::kNotFound);
  const auto missing = s.Versions("default", {"token", "absent"}).status();
  CHECK(missing.code() == StatusCode::kNotFound);
  CHECK(std::string(missing.message()).find("absent") != std::string::npos);
  CHECK(s.Create("default", "empty", "").ok());
  CHECK(s.List("default").value() == std::vector<std::string>{"empty", "token"});
  CHECK(s.Remove("default", "token").ok());
  CHECK(s.List("default").value() == std::vector<std::string>{"empty"});

  for (const char* bad : {"", ".", "..", "../etc", "a/b", "a..b", ".salt", "Upper", "-a", "a-",
                          "a b", "tab\t", "ü"}) {
    DYNAMIC_SECTION("a name that is refused: \"" << bad << "\"") {
      CHECK(s.Create("default", bad, "x").code() == StatusCode::kInvalidArgument);
      CHECK(s.Read("default", bad).status().code() == StatusCode::kInvalidArgument);
      CHECK(s.Remove("default", bad).code() == StatusCode::kInvalidArgument);
      CHECK(s.Create(bad, "ok", "x").code() == StatusCode::kInvalidArgument);
    }
  }
  CHECK(s.Create("default", std::string(254, 'a'), "x").code() == StatusCode::kInvalidArgument);
  const absl::Status large = s.Create("default", "large", std::string(kMaxSecretBytes + 1, 'q'));
  CHECK(large.code() == StatusCode::kInvalidArgument);
  CHECK(std::string(large.message()).find("qqq") == std::string::npos);
  CHECK(s.Create("default", "large", std::string(kMaxSecretBytes, 'q')).ok());
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

}  // namespace

TEST_CASE("Secret store contract: in memory") {
  fakes::FakeSecretStore store;
  SecretContract(store);
}

TEST_CASE("Secret store contract: files") {
  const TempFolder folder;
  auto store = FileSecretStore::Open(folder.path() + "/secrets").value();
  SecretContract(*store);
}

TEST_CASE("Secret files are for the owner alone, and nothing else is left beside them") {
  const TempFolder folder;
  const std::string root = folder.path() + "/secrets";
  auto store = FileSecretStore::Open(root).value();
  REQUIRE(store->Create("team", "key", "v1").ok());
  REQUIRE(store->Update("team", "key", "v2").ok());
  CHECK(ModeOf(root) == 0700);
  CHECK(ModeOf(root + "/team") == 0700);
  CHECK(ModeOf(root + "/team/key") == 0600);
  CHECK(ModeOf(root + "/.salt") == 0600);
  const auto files = std::filesystem::directory_iterator(root + "/team");
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("Versions differ from one data folder to the next and outlive a restart") {
  const TempFolder folder;
  auto one = FileSecretStore::Open(folder.path() + "/1").value();
  auto two = FileSecretStore::Open(folder.path() + "/2").value();
  REQUIRE(one->Create("default", "k", "same").ok());
  REQUIRE(two->Create("default", "k", "same").ok());
  const auto version = one->Versions("default", {"k"}).value();
  CHECK(version != two->Versions("default", {"k"}).value());
  CHECK(version ==
        FileSecretStore::Open(folder.path() + "/1").value()->Versions("default", {"k"}).value());
}
