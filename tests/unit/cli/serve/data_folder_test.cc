#include "cli/serve/data_folder.h"

#include <catch2/catch.hpp>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/serve/ports.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> NoEnvironment(std::string_view) { return std::nullopt; }

struct Temp {
  std::string path;
  Temp() {
    char pattern[] = "/tmp/hearth-data-test-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  ~Temp() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

unsigned ModeOf(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_mode & 0777;
}

TEST_CASE("the data folder is made private, with credentials that stay") {
  Temp temp;
  const std::string data = temp.path + "/deep/data";
  std::string password;
  {
    auto folder = DataFolder::Open(data, NoEnvironment);
    REQUIRE(folder.ok());
    CHECK(ModeOf(data) == 0700);
    auto keys = (*folder)->EnsureCredentials();
    REQUIRE(keys.ok());
    CHECK(keys->made);
    CHECK(keys->credentials.password.size() >= 20);
    CHECK(ModeOf(data + "/credentials") == 0600);
    password = keys->credentials.password;
    REQUIRE((*folder)->WriteEndpoint("http://x").ok());
    CHECK(fs::exists(data + "/run/endpoint"));
  }
  CHECK_FALSE(fs::exists(data + "/run/endpoint"));
  auto again = DataFolder::Open(data, NoEnvironment);
  REQUIRE(again.ok());
  auto keys = (*again)->EnsureCredentials();
  REQUIRE(keys.ok());
  CHECK_FALSE(keys->made);
  CHECK(keys->credentials.password == password);
}

TEST_CASE("one platform a folder: the second is told who holds it") {
  Temp temp;
  auto first = DataFolder::Open(temp.path, NoEnvironment);
  REQUIRE(first.ok());
  auto second = DataFolder::Open(temp.path, NoEnvironment);
  REQUIRE_FALSE(second.ok());
  CHECK_THAT(std::string(Message(second.status())),
             Catch::Contains(Cat("process ", ::getpid())) && Catch::Contains("--data"));
}

TEST_CASE("folders that cannot be used are named") {
  Temp temp;
  std::ofstream(temp.path + "/file") << "x";
  auto folder = DataFolder::Open(temp.path + "/file/data", NoEnvironment);
  REQUIRE_FALSE(folder.ok());
  CHECK_THAT(std::string(Message(folder.status())),
             Catch::Contains(temp.path + "/file") && Catch::Contains("--data"));
}

TEST_CASE("damaged credentials are not replaced silently") {
  Temp temp;
  auto folder = DataFolder::Open(temp.path, NoEnvironment).value();
  std::ofstream(temp.path + "/credentials") << "nonsense";
  auto keys = folder->EnsureCredentials();
  REQUIRE_FALSE(keys.ok());
  CHECK_THAT(std::string(Message(keys.status())), Catch::Contains("credentials"));
}

TEST_CASE("a long path moves the sockets elsewhere, privately") {
  CHECK(ShortRunFolder("/home/me/.local/share/hearth", std::nullopt, 5).empty());
  const std::string deep = "/home/" + std::string(60, 'x');
  const std::string elsewhere = ShortRunFolder(deep, std::nullopt, 5);
  CHECK_THAT(elsewhere, Catch::StartsWith("/tmp/hearth-5-"));
  CHECK(ShortRunFolder(deep + "y", std::nullopt, 5) != elsewhere);
  CHECK_THAT(ShortRunFolder(deep, "/run/user/5", 5), Catch::StartsWith("/run/user/5/hearth-"));

  Temp temp;
  const std::string data = temp.path + "/" + std::string(60, 'd');
  std::string run;
  {
    auto folder = DataFolder::Open(data, NoEnvironment);
    REQUIRE(folder.ok());
    run = (*folder)->run();
    CHECK(run.size() < 40);
    CHECK(ModeOf(run) == 0700);
    CHECK(fs::is_symlink(data + "/run"));
  }
  CHECK(DataFolder::Open(data, NoEnvironment).ok());  // once more over what is there
  // Somebody else's folder in a shared place is not taken.
  ::chmod(run.c_str(), 0777);
  CHECK_FALSE(DataFolder::Open(data, NoEnvironment).ok());
  fs::remove_all(run);
}

TEST_CASE("processes of an earlier run are told from strangers") {
  Temp temp;
  auto folder = DataFolder::Open(temp.path, NoEnvironment).value();
  CHECK_FALSE(folder->LeftOver("gateway", "hearth-gateway").has_value());
  REQUIRE(folder->WritePid("gateway", ::getpid()).ok());
  CHECK_FALSE(folder->LeftOver("gateway", "hearth-gateway").has_value());
  CHECK(folder->LeftOver("gateway", fs::read_symlink("/proc/self/exe").filename()) == ::getpid());
  folder->RemovePid("gateway");
  CHECK_FALSE(folder->LeftOver("gateway", "cli_serve_test").has_value());
}

TEST_CASE("addresses") {
  CHECK(LocalUrl("127.0.0.1:80") == "http://127.0.0.1:80");
  CHECK(LocalUrl("0.0.0.0:80") == "http://127.0.0.1:80");
  CHECK(LocalUrl("[::]:80") == "http://[::1]:80");
  CHECK(IsExposed("0.0.0.0:80"));
  CHECK(IsExposed("192.168.0.1:80"));
  CHECK_FALSE(IsExposed("127.0.0.1:80"));
  CHECK_FALSE(IsExposed("[::1]:80"));
  CHECK(CheckPort("127.0.0.1:0", "--listen").ok());
  const absl::Status strange = CheckPort("203.0.113.7:1", "--listen");
  CHECK_FALSE(strange.ok());
  CHECK_THAT(std::string(Message(strange)), Catch::Contains("--listen"));
}

}  // namespace
}  // namespace hearth::cli
