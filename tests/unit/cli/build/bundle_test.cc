#include "cli/build/bundle.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/build/folder_watcher.h"
#include "cli/build/run_program.h"
#include "cli/build/temp_folder.h"
#include "cli/build/template.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

void Write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << text;
}

std::string Read(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

const BundleTarget kTarget{"python3", "3.11", "x86_64", "glibc-2.36", "handler.handler"};

TEST_CASE("the target") {
  CHECK(TargetJson(kTarget) ==
        "{\"formatVersion\":1,\"runtime\":\"python3\",\"runtimeVersion\":\"3.11\","
        "\"arch\":\"x86_64\",\"libc\":\"glibc-2.36\",\"handler\":\"handler.handler\"}\n");
}

TEST_CASE("the same content gives the same bundle, whatever else differs") {
  auto temp = TempFolder::Make().value();
  const std::string a = temp->path() + "/a", b = temp->path() + "/b";
  for (const std::string& root : {a, b}) {
    // Made in another order, with other times and permissions.
    const bool first = root == a;
    for (int i = 0; i < 20; ++i)
      Write(Cat(root, "/d/f", first ? i : 19 - i), Cat(first ? i : 19 - i));
    Write(root + "/handler.py", "code");
    Write(root + "/run.sh", "#!/bin/sh\n");
    ::chmod((root + "/run.sh").c_str(), first ? 0755 : 0700);
    ::chmod((root + "/handler.py").c_str(), first ? 0644 : 0600);
    fs::create_directory(root + "/empty");
    fs::create_symlink("../handler.py", root + "/d/link");
  }
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  ::utimensat(AT_FDCWD, (b + "/handler.py").c_str(), old, 0);
  const auto one = WriteBundle(a, kTarget, temp->path() + "/1");
  const auto two = WriteBundle(b, kTarget, temp->path() + "/2");
  REQUIRE(one.ok());
  REQUIRE(two.ok());
  CHECK(one->digest == two->digest);
  CHECK(one->entries == 1 + 20 + 5);  // the target, the files, d, empty, link, handler.py, run.sh
  CHECK(one->size == fs::file_size(one->file));
  CHECK(Read(one->file) == Read(two->file));

  SECTION("other content gives another digest") {
    Write(b + "/d/f3", "changed");
    CHECK(WriteBundle(b, kTarget, temp->path() + "/3")->digest != one->digest);
  }
  SECTION("so does another target, and a file that has become executable") {
    BundleTarget other = kTarget;
    other.runtime_version = "3.12";
    CHECK(WriteBundle(a, other, temp->path() + "/3")->digest != one->digest);
    ::chmod((b + "/handler.py").c_str(), 0755);
    CHECK(WriteBundle(b, kTarget, temp->path() + "/4")->digest != one->digest);
  }
  SECTION("it unpacks to what went in, target first") {
    std::string listing;
    auto listed = RunProgram({"tar", "-tzf", one->file}, "/",
                             [&](std::string_view text) { listing += text; });
    REQUIRE(listed.ok());
    CHECK(listed->ok());
    CHECK_THAT(listing, Catch::StartsWith("hearth-bundle.json\nd/\nd/f0\n"));
    fs::create_directory(temp->path() + "/out");
    REQUIRE(RunProgram({"tar", "-xzf", one->file}, temp->path() + "/out", nullptr)->ok());
    CHECK(Read(temp->path() + "/out/d/link") == "code");
    CHECK(::access((temp->path() + "/out/run.sh").c_str(), X_OK) == 0);
    CHECK(Read(temp->path() + "/out/hearth-bundle.json") == TargetJson(kTarget));
  }
}

TEST_CASE("what a bundle may not hold is refused by name") {
  auto temp = TempFolder::Make().value();
  const std::string root = temp->path() + "/t";
  Write(root + "/a", "x");
  SECTION("a link out of the tree") { fs::create_symlink("../../etc/passwd", root + "/bad"); }
  SECTION("an absolute link") { fs::create_symlink("/etc/passwd", root + "/bad"); }
  SECTION("a pipe") { REQUIRE(::mkfifo((root + "/bad").c_str(), 0600) == 0); }
  const auto bundle = WriteBundle(root, kTarget, temp->path() + "/out");
  REQUIRE_FALSE(bundle.ok());
  CHECK_THAT(std::string(Message(bundle.status())), Catch::Contains("bad"));
}

TEST_CASE("long names survive") {
  auto temp = TempFolder::Make().value();
  std::string deep = temp->path() + "/t";
  for (int i = 0; i < 12; ++i) deep += "/" + std::string(40, static_cast<char>('a' + i));
  Write(deep + "/file-ünïcode.txt", "x");
  const auto one = WriteBundle(temp->path() + "/t", kTarget, temp->path() + "/1");
  REQUIRE(one.ok());
  fs::create_directory(temp->path() + "/out");
  REQUIRE(RunProgram({"tar", "-xzf", one->file}, temp->path() + "/out", nullptr)->ok());
  CHECK(fs::exists(temp->path() + "/out/" +
                   fs::path(deep).lexically_relative(temp->path() + "/t").string() +
                   "/file-ünïcode.txt"));
}

TEST_CASE("links") {
  CHECK(LinkStaysInside("a", "b"));
  CHECK(LinkStaysInside("d/a", "../b"));
  CHECK(LinkStaysInside("d/e/a", "../../x/../y"));
  CHECK_FALSE(LinkStaysInside("a", "../b"));
  CHECK_FALSE(LinkStaysInside("d/a", "../../b"));
  CHECK_FALSE(LinkStaysInside("d/a", "x/../../../d/b"));
  CHECK_FALSE(LinkStaysInside("a", "/b"));
  CHECK_FALSE(LinkStaysInside("a", ""));
}

TEST_CASE("templates") {
  CHECK(FillTemplate("{{name}} and {{name}}{{x}}", "f") == "f and f{{x}}");
  auto temp = TempFolder::Make().value();
  Write(temp->path() + "/t/{{name}}.py", "# {{name}}\n");
  Write(temp->path() + "/t/sub/run.sh", "x");
  ::chmod((temp->path() + "/t/sub/run.sh").c_str(), 0755);
  REQUIRE(CopyTemplate(temp->path() + "/t", temp->path() + "/made", "hello").ok());
  CHECK(Read(temp->path() + "/made/hello.py") == "# hello\n");
  CHECK(::access((temp->path() + "/made/sub/run.sh").c_str(), X_OK) == 0);
  CHECK_FALSE(CopyTemplate(temp->path() + "/none", temp->path() + "/m2", "x").ok());
}

TEST_CASE("programs") {
  std::string output;
  const auto keep = [&](std::string_view text) { output += text; };
  auto result = RunProgram({"sh", "-c", "pwd; echo err >&2; cat; exit 7"}, "/usr", keep);
  REQUIRE(result.ok());
  CHECK(result->exit_code == 7);
  CHECK(output == "/usr\nerr\n");
  CHECK(RunProgram({"sh", "-c", "kill -9 $$"}, "/", nullptr)->exit_code == 137);
  CHECK_FALSE(RunProgram({"/no/such/program"}, "/", nullptr).ok());
}

TEST_CASE("a temporary folder goes, read-only parts too") {
  std::string path;
  {
    auto temp = TempFolder::Make().value();
    path = temp->path();
    Write(path + "/ro/sub/file", "x");
    ::chmod((path + "/ro/sub").c_str(), 0500);
    ::chmod((path + "/ro").c_str(), 0500);
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("changes are seen in trees and in single files") {
  auto temp = TempFolder::Make().value();
  const std::string root = temp->path() + "/src";
  Write(root + "/a.py", "1");
  Write(temp->path() + "/f.yaml", "1");
  Write(temp->path() + "/other.yaml", "1");
  auto watcher = FolderWatcher::Open().value();
  REQUIRE(watcher->AddTree(root).ok());
  REQUIRE(watcher->AddFile(temp->path() + "/f.yaml").ok());
  const Duration quiet = std::chrono::milliseconds(20);

  Write(temp->path() + "/other.yaml", "2");  // not watched
  Write(root + "/.a.py.swp", "x");
  Write(root + "/a.py", "2");
  CHECK(watcher->Wait(quiet).value() == root + "/a.py");
  Write(temp->path() + "/f.yaml", "2");
  CHECK(watcher->Wait(quiet).value() == temp->path() + "/f.yaml");
  fs::create_directory(root + "/new");
  CHECK(watcher->Wait(quiet).value() == root + "/new");
  Write(root + "/new/b.py", "1");
  CHECK(watcher->Wait(quiet).value() == root + "/new/b.py");
  CHECK(IsWatched("a.py"));
  for (const char* name : {".git", "node_modules", "__pycache__", "a~", ""})
    CHECK_FALSE(IsWatched(name));
}

}  // namespace
}  // namespace hearth::cli
