#include "gateway/fleet/route_cache.h"

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/hearth-routes-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

v1::RouteSnapshot Sample() {
  v1::RouteSnapshot snapshot;
  snapshot.set_sequence(42);
  for (int i = 0; i < 100; ++i) {
    v1::FunctionRoute* route = snapshot.add_functions();
    route->set_namespace_("default");
    route->set_name("f" + std::to_string(i));
    route->add_revisions()->add_replicas()->set_token("t");
  }
  return snapshot;
}

TEST_CASE("Routes survive on disk, readable by their owner only") {
  TempFolder folder;
  const std::string path = folder.path + "/routes.pb";
  CHECK(LoadRoutes(path).status().code() == absl::StatusCode::kNotFound);
  REQUIRE(SaveRoutes(path, Sample().SerializeAsString()).ok());
  const auto loaded = LoadRoutes(path);
  REQUIRE(loaded.ok());
  CHECK(loaded->SerializeAsString() == Sample().SerializeAsString());
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_CASE("A damaged or cut-off file is refused") {
  TempFolder folder;
  const std::string path = folder.path + "/routes.pb";
  REQUIRE(SaveRoutes(path, Sample().SerializeAsString()).ok());
  const auto size = std::filesystem::file_size(path);
  SECTION("cut off") { std::filesystem::resize_file(path, size - 3); }
  SECTION("cut off in the header") { std::filesystem::resize_file(path, 10); }
  SECTION("empty") { std::filesystem::resize_file(path, 0); }
  SECTION("a bit flipped") {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put('\x7f');
  }
  CHECK(LoadRoutes(path).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("A folder that is not there is an error, not a crash") {
  CHECK_FALSE(SaveRoutes("/nonexistent/folder/routes.pb", Sample().SerializeAsString()).ok());
}

}  // namespace
}  // namespace hearth::fleet
