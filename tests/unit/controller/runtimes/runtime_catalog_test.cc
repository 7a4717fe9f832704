#include "controller/runtimes/runtime_catalog.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "core/base/absl_compat.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

constexpr const char* kYaml = R"(
name: shell
description: Shell
inline: true
file: handler.sh
handler: handler.sh
command: [/bin/sh, /var/runtime/bootstrap]
version: [/bin/sh, -c, "echo 1.2"]
exact_version: true
environment: {A: "b:c"}
packages: [dash]
)";

struct Folder {
  Folder() {
    char pattern[] = "/tmp/hearth-unit-XXXXXX";
    path = mkdtemp(pattern);
  }
  ~Folder() { fs::remove_all(path); }
  void Add(const std::string& name, const std::string& yaml) {
    fs::create_directory(path + "/" + name);
    std::ofstream(path + "/" + name + "/runtime.yaml") << yaml;
  }
  std::string path;
};

TEST_CASE("a description is read whole") {
  const auto runtime = ParseRuntime(kYaml, "/r/shell");
  REQUIRE(runtime.ok());
  CHECK(runtime->name == "shell");
  CHECK(runtime->can_inline);
  CHECK(runtime->file == "handler.sh");
  CHECK(runtime->command == std::vector<std::string>{"/bin/sh", "/var/runtime/bootstrap"});
  CHECK(runtime->exact_version);
  CHECK(runtime->environment.at("A") == "b:c");
  CHECK(runtime->packages == std::vector<std::string>{"dash"});
  CHECK(runtime->ShimFolder() == "/r/shell/shim");
}

TEST_CASE("a wrong description says where it is wrong") {
  const char* cases[] = {"[",
                         "- a",
                         "name: x",
                         "command: [a]",
                         "name: x\ncommand: a",
                         "name: x\ncommand: [a]\ninline: maybe",
                         "name: x\ncommand: [a]\ninline: true"};
  for (const char* yaml : cases) {
    DYNAMIC_SECTION(yaml) {
      const auto runtime = ParseRuntime(yaml, "/r/x");
      REQUIRE_FALSE(runtime.ok());
      CHECK(Message(runtime.status()).find("/r/x/runtime.yaml") != std::string_view::npos);
    }
  }
}

TEST_CASE("the catalog finds, suggests and asks for versions once") {
  Folder folder;
  folder.Add("shell", kYaml);
  folder.Add("broken",
             "name: broken\ncommand: [x]\nversion: [/nonexistent]\npackages: [some-package]\n");
  fs::create_directory(folder.path + "/empty");
  const auto catalog = RuntimeCatalog::Load(folder.path);
  REQUIRE(catalog.ok());
  CHECK((*catalog)->List().size() == 2);
  const auto shell = (*catalog)->Find("shell");
  REQUIRE(shell.ok());
  CHECK(*(*catalog)->Version(**shell) == "1.2");
  const auto typo = (*catalog)->Find("shel").status();
  CHECK(typo.code() == absl::StatusCode::kNotFound);
  CHECK(Message(typo).find("did you mean \"shell\"") != std::string_view::npos);
  const auto broken = (*catalog)->Version(**(*catalog)->Find("broken")).status();
  CHECK(broken.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(broken).find("apt-get install some-package") != std::string_view::npos);
  CHECK_FALSE(RuntimeCatalog::Load(folder.path + "/none").ok());
}

}  // namespace
}  // namespace hearth::controller
