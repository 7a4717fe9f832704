#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "controller/images/image_store.h"
#include "controller/images/oci_layout.h"
#include "controller/images/rootfs.h"
#include "core/base/absl_compat.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

TEST_CASE("references of images") {
  CHECK(*NormalizeImageReference("nginx:1.25") == "docker://nginx:1.25");
  CHECK(*NormalizeImageReference("localhost:5000/a/b:c") == "docker://localhost:5000/a/b:c");
  CHECK(*NormalizeImageReference("docker://x/y") == "docker://x/y");
  CHECK(*NormalizeImageReference("oci:/tmp/layout:tag") == "oci:/tmp/layout:tag");
  CHECK(*NormalizeImageReference("docker-archive:/tmp/x.tar") == "docker-archive:/tmp/x.tar");
  for (const char* bad :
       {"", "oci:layout", "docker-archive:x.tar", "/tmp/x.tar", "http://x/y", "--help", "a b"}) {
    DYNAMIC_SECTION(bad) { CHECK_FALSE(NormalizeImageReference(bad).ok()); }
  }
}

TEST_CASE("an index names manifests by tag") {
  const std::string index = R"({"manifests":[
    {"digest":"sha256:aa","annotations":{"org.opencontainers.image.ref.name":"one"}},
    {"digest":"sha256:bb","annotations":{"org.opencontainers.image.ref.name":"two"}}]})";
  CHECK(*ManifestDigest(index, "two", "x") == "sha256:bb");
  const auto missing = ManifestDigest(index, "three", "/lay").status();
  CHECK(Message(missing).find("one, two") != std::string_view::npos);
  CHECK_FALSE(ManifestDigest(index, "", "x").ok());
  CHECK(*ManifestDigest(R"({"manifests":[{"digest":"sha256:aa"}]})", "", "x") == "sha256:aa");
  for (const char* bad :
       {"", "[]", "{}", "{\"manifests\":{}}", R"({"manifests":[{"digest":"sha256:../x"}]})"}) {
    DYNAMIC_SECTION(bad) { CHECK_FALSE(ManifestDigest(bad, "", "x").ok()); }
  }
  CHECK(*ConfigDigest(R"({"config":{"digest":"sha256:cc"}})") == "sha256:cc");
  CHECK_FALSE(ConfigDigest("{}").ok());
}

TEST_CASE("the configuration of an image") {
  const auto config = ParseImageConfig(R"({"architecture":"amd64","config":{
    "Entrypoint":["/app"],"Cmd":["-x"],"Env":["A=b=c","BAD"],"WorkingDir":"/srv","User":"app",
    "ExposedPorts":{"8080/tcp":{},"x":{}}}})");
  REQUIRE(config.ok());
  CHECK(config->entrypoint == std::vector<std::string>{"/app"});
  CHECK(config->command == std::vector<std::string>{"-x"});
  CHECK(config->environment == std::map<std::string, std::string>{{"A", "b=c"}});
  CHECK(config->working_dir == "/srv");
  CHECK(config->user == "app");
  CHECK(config->ports == std::vector<uint16_t>{8080});
  CHECK(ParseImageConfig("{}")->working_dir == "/");
  CHECK_FALSE(ParseImageConfig("{").ok());
  CHECK_FALSE(ParseImageConfig(R"({"config":{"Cmd":[7]}})").ok());
  CHECK_FALSE(CheckPlatform(R"({"architecture":"s390x","os":"linux"})").ok());
  CHECK_FALSE(CheckPlatform(R"({"architecture":"amd64","os":"windows"})").ok());
}

TEST_CASE("an image cannot lead the preparation out of its own tree") {
  char pattern[] = "/tmp/hearth-unit-XXXXXX";
  const std::string folder = mkdtemp(pattern);
  const std::string root = folder + "/rootfs", outside = folder + "/outside";
  fs::create_directories(root + "/etc");
  fs::create_directories(outside);
  fs::create_directory_symlink(outside, root + "/var");
  fs::create_symlink(outside + "/target", root + "/etc/resolv.conf");
  // The link's target is looked for inside the tree, where it is not.
  CHECK_FALSE(PrepareMountPoints(root).ok());
  CHECK(fs::is_empty(outside));

  fs::remove(root + "/var");
  REQUIRE(PrepareMountPoints(root).ok());
  CHECK(fs::is_directory(root + "/var/task"));
  CHECK(fs::is_regular_file(fs::symlink_status(root + "/etc/resolv.conf")));
  CHECK(fs::is_empty(outside));
  REQUIRE(PrepareMountPoints(root).ok());

  uint32_t uid = 7, gid = 7;
  std::ofstream(root + "/etc/passwd") << "root:x:0:0::/:/bin/sh\napp:x:1001:1002::/:/bin/sh\n";
  std::ofstream(root + "/etc/group") << "web:x:33:\n";
  REQUIRE(LookUpUser(root, "app", &uid, &gid).ok());
  CHECK(uid == 1001);
  CHECK(gid == 1002);
  REQUIRE(LookUpUser(root, "app:web", &uid, &gid).ok());
  CHECK(gid == 33);
  REQUIRE(LookUpUser(root, "1001", &uid, &gid).ok());
  CHECK(gid == 1002);
  REQUIRE(LookUpUser(root, "5:6", &uid, &gid).ok());
  CHECK(uid == 5);
  CHECK(gid == 6);
  REQUIRE(LookUpUser(root, "", &uid, &gid).ok());
  CHECK(uid == 0);
  CHECK_FALSE(LookUpUser(root, "nobody", &uid, &gid).ok());
  CHECK_FALSE(LookUpUser(root, "app:nobody", &uid, &gid).ok());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace hearth::controller
