#include "controller/bundle/bundle_store.h"

#include <archive.h>
#include <archive_entry.h>
#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "controller/bundle/target.h"
#include "controller/bundle/unpack.h"
#include "controller/runtimes/runtime_catalog.h"
#include "core/base/absl_compat.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

struct TempFolder {
  TempFolder() {
    char pattern[] = "/tmp/hearth-unit-XXXXXX";
    path = mkdtemp(pattern);
  }
  ~TempFolder() { fs::remove_all(path); }
  std::string path;
};

struct Entry {
  std::string path;
  std::string content = {};
  unsigned type = AE_IFREG;
  std::string link = {};
  unsigned mode = 0644;
};

// A gzip-compressed tar of these entries, in memory.
std::string Tar(const std::vector<Entry>& entries) {
  std::string out(16 << 20, '\0');
  size_t used = 0;
  archive* a = archive_write_new();
  archive_write_add_filter_gzip(a);
  archive_write_set_format_pax_restricted(a);
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (const Entry& e : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, e.path.c_str());
    archive_entry_set_filetype(entry, e.type);
    archive_entry_set_perm(entry, static_cast<mode_t>(e.mode));
    archive_entry_set_size(entry, static_cast<la_int64_t>(e.content.size()));
    if (e.type == AE_IFLNK) archive_entry_set_symlink(entry, e.link.c_str());
    if (e.type == AE_IFREG && !e.link.empty()) archive_entry_set_hardlink(entry, e.link.c_str());
    if (e.type == AE_IFCHR) archive_entry_set_rdev(entry, 0x103);
    archive_write_header(a, entry);
    archive_write_data(a, e.content.data(), e.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}

std::string Write(const TempFolder& folder, const std::string& bytes) {
  const std::string path = folder.path + "/archive";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

absl::Status UnpackEntries(const TempFolder& folder, const std::vector<Entry>& entries,
                           BundleLimits limits = {}) {
  fs::remove_all(folder.path + "/out");
  fs::create_directory(folder.path + "/out");
  return UnpackArchive(Write(folder, Tar(entries)), folder.path + "/out", limits);
}

std::string Read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

constexpr const char* kMeta = R"({"formatVersion":1,"runtime":"","arch":"","libc":""})";

std::unique_ptr<BundleStore> OpenStore(const TempFolder& folder, RuntimeCatalog* runtimes,
                                       BundleLimits limits = {}) {
  auto store = BundleStore::Open(folder.path + "/bundles", runtimes, limits);
  REQUIRE(store.ok());
  return std::move(*store);
}

absl::Status Put(BundleStore& store, const std::string& digest, const std::string& bytes) {
  auto upload = store.BeginUpload(digest);
  if (!upload.ok()) return upload.status();
  for (size_t at = 0; at < bytes.size(); at += 1000) {
    const absl::Status status = (*upload)->Write(std::string_view(bytes).substr(at, 1000));
    if (!status.ok()) return status;
  }
  return (*upload)->Commit();
}

// The digest is learned from the store's own complaint about a wrong one.
std::string DigestOf(BundleStore& store, const std::string& bytes) {
  const std::string wrong = "sha256:" + std::string(64, '0');
  const std::string message(Message(Put(store, wrong, bytes)));
  const size_t at = message.find("sha256:");
  REQUIRE(at != std::string::npos);
  return message.substr(at, 71);
}

TEST_CASE("an archive is unpacked with normal permissions") {
  TempFolder folder;
  REQUIRE(UnpackEntries(folder, {{"a.txt", "A", AE_IFREG, "", 0600},
                                 {"bin/run", "#!", AE_IFREG, "", 04755},
                                 {"dir", "", AE_IFDIR},
                                 {"link", "", AE_IFLNK, "bin/run"},
                                 {"copy", "", AE_IFREG, "a.txt"}})
              .ok());
  const std::string out = folder.path + "/out";
  CHECK(Read(out + "/a.txt") == "A");
  CHECK(Read(out + "/copy") == "A");
  struct stat info {};
  REQUIRE(stat((out + "/a.txt").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0644);
  REQUIRE(stat((out + "/bin/run").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
  CHECK(fs::read_symlink(out + "/link") == "bin/run");
}

TEST_CASE("an archive that would leave its folder is refused") {
  const std::vector<std::vector<Entry>> cases = {
      {{"/etc/evil", "x"}},
      {{"../evil", "x"}},
      {{"a/../../evil", "x"}},
      {{"link", "", AE_IFLNK, "/etc"}},
      {{"link", "", AE_IFLNK, "../x"}},
      {{"d/link", "", AE_IFLNK, "../../x"}},
      {{"dev", "", AE_IFCHR}},
      {{"fifo", "", AE_IFIFO}},
      {{"hard", "", AE_IFREG, "../../../etc/passwd"}},
      {{"twice", "1"}, {"twice", "2"}},
      {{"d", "", AE_IFLNK, "e"}, {"d/x", "1"}, {"e/y", "2"}},
      {{"file", "1"}, {"file/x", "1"}},
  };
  TempFolder folder;
  for (const auto& entries : cases) {
    DYNAMIC_SECTION(entries.front().path << " -> " << entries.front().link) {
      const absl::Status status = UnpackEntries(folder, entries);
      CHECK(status.code() == absl::StatusCode::kInvalidArgument);
      CHECK_FALSE(fs::exists(folder.path + "/evil"));
    }
  }
}

TEST_CASE("the size of what comes out is bounded") {
  TempFolder folder;
  BundleLimits limits;
  limits.max_unpacked_bytes = 1000;
  limits.max_entries = 3;
  CHECK_FALSE(UnpackEntries(folder, {{"zeros", std::string(2000, '\0')}}, limits).ok());
  CHECK_FALSE(UnpackEntries(folder, {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}}, limits).ok());
  CHECK(UnpackEntries(folder, {{"a", "1"}, {"b", "2"}}, limits).ok());
  CHECK_FALSE(UnpackArchive(Write(folder, "not a tar"), folder.path + "/out", {}).ok());
}

TEST_CASE("paths and links, purely") {
  CHECK(*CleanEntryPath("./a//b/") == "a/b");
  CHECK_FALSE(CleanEntryPath("").ok());
  CHECK_FALSE(CleanEntryPath("./").ok());
  CHECK_FALSE(CleanEntryPath("a\nb").ok());
  CHECK(LinkStaysInside("a/b/c", "../../d"));
  CHECK_FALSE(LinkStaysInside("a/b", "../../d"));
  CHECK_FALSE(LinkStaysInside("a", ".."));
  CHECK(LinkStaysInside("a/b", ".."));
}

TEST_CASE("upload, commit, find, use") {
  TempFolder folder;
  RuntimeCatalog runtimes;
  auto store = OpenStore(folder, &runtimes);
  const std::string bytes = Tar({{"hearth-bundle.json", kMeta}, {"handler.py", "code"}});
  const std::string digest = DigestOf(*store, bytes);
  CHECK_FALSE(store->Has(digest));
  CHECK(store->Folder(digest).status().code() == absl::StatusCode::kNotFound);
  REQUIRE(Put(*store, digest, bytes).ok());
  CHECK(store->Has(digest));
  CHECK(Read(*store->Folder(digest) + "/handler.py") == "code");
  CHECK(Put(*store, digest, bytes).ok());

  std::string broken = bytes;
  broken[broken.size() / 2] ^= 1;
  CHECK(Put(*store, digest, broken).code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(store->BeginUpload("sha256:../../etc").ok());
  CHECK_FALSE(store->Has("sha256:../../etc"));
}

TEST_CASE("an upload that is given up leaves nothing") {
  TempFolder folder;
  RuntimeCatalog runtimes;
  auto store = OpenStore(folder, &runtimes);
  {
    auto upload = store->BeginUpload("sha256:" + std::string(64, 'a'));
    REQUIRE(upload.ok());
    REQUIRE((*upload)->Write("half").ok());
    CHECK_FALSE(fs::is_empty(folder.path + "/bundles"));
  }
  CHECK(fs::is_empty(folder.path + "/bundles"));
  std::ofstream(folder.path + "/bundles/.tmp-left") << "x";
  store = OpenStore(folder, &runtimes);
  CHECK(fs::is_empty(folder.path + "/bundles"));
}

TEST_CASE("several uploads of one digest at once") {
  TempFolder folder;
  RuntimeCatalog runtimes;
  auto store = OpenStore(folder, &runtimes);
  const std::string bytes = Tar({{"hearth-bundle.json", kMeta}, {"f", std::string(100000, 'x')}});
  const std::string digest = DigestOf(*store, bytes);
  std::vector<absl::Status> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { result = Put(*store, digest, bytes); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result.ok());
  CHECK(store->Has(digest));
}

TEST_CASE("a bundle for another machine or without metadata is refused") {
  TempFolder folder;
  RuntimeCatalog runtimes;
  auto store = OpenStore(folder, &runtimes);
  const auto refused = [&](const std::string& meta, const std::string& says) {
    const std::string bytes = Tar({{"hearth-bundle.json", meta}});
    const absl::Status status = Put(*store, DigestOf(*store, bytes), bytes);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(Message(status).find(says) != std::string_view::npos);
  };
  refused(R"({"formatVersion":1,"runtime":"","arch":"mips"})", "mips");
  refused(R"({"formatVersion":1,"runtime":"cobol"})", "cobol");
  refused(R"({"formatVersion":9})", "formatVersion 9");
  refused("[]", "hearth-bundle.json");
  const std::string bytes = Tar({{"x", "1"}});
  CHECK_FALSE(Put(*store, DigestOf(*store, bytes), bytes).ok());
}

TEST_CASE("what a bundle was built for, against the machine") {
  Runtime python;
  python.name = "python3";
  python.exact_version = true;
  const MachineTarget machine{"x86_64", "glibc-2.36"};
  struct Case {
    const char* name;
    BundleTarget target;
    bool fits;
  };
  const Case cases[] = {
      {"the same", {"python3", "3.11", "x86_64", "glibc-2.36", ""}, true},
      {"an older libc", {"python3", "3.11", "x86_64", "glibc-2.31", ""}, true},
      {"a newer libc", {"python3", "3.11", "x86_64", "glibc-2.38", ""}, false},
      {"another libc", {"python3", "3.11", "x86_64", "musl-1.2", ""}, false},
      {"another version", {"python3", "3.12", "x86_64", "glibc-2.36", ""}, false},
      {"another machine", {"python3", "3.11", "aarch64", "glibc-2.36", ""}, false},
      {"anything", {"", "", "", "", ""}, true},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      CHECK(FitsMachine(c.target, machine, &python, "3.11").ok() == c.fits);
    }
  }
  python.exact_version = false;
  CHECK(FitsMachine({"python3", "3.12", "", "", ""}, machine, &python, "3.11").ok());
}

TEST_CASE("inline source becomes a folder by its content") {
  TempFolder folder;
  RuntimeCatalog runtimes;
  auto store = OpenStore(folder, &runtimes);
  Runtime runtime;
  runtime.file = "handler.py";
  model::Source source;
  source.inline_code = "def handler(): pass\n";
  const auto path = store->Materialize(source, &runtime);
  REQUIRE(path.ok());
  CHECK(Read(*path + "/handler.py") == source.inline_code);
  CHECK(*store->Materialize(source, &runtime) == *path);
  source.inline_code += "#";
  CHECK(*store->Materialize(source, &runtime) != *path);

  model::Source files;
  files.files = {{"run.sh", "#!/bin/sh\n"}, {"lib/x.txt", "x"}};
  const auto tree = store->Materialize(files, nullptr);
  REQUIRE(tree.ok());
  CHECK(Read(*tree + "/lib/x.txt") == "x");
  struct stat info {};
  REQUIRE(stat((*tree + "/run.sh").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0755);
  files.files = {{"../evil", "x"}};
  CHECK_FALSE(store->Materialize(files, nullptr).ok());
}

TEST_CASE("what nobody refers to goes once it is old enough") {
  const WallTime now{std::chrono::hours(1000)};
  const std::vector<StoredBundle> stored = {{"sha256-old", now - std::chrono::hours(5)},
                                            {"sha256-live", now - std::chrono::hours(5)},
                                            {"sha256-new", now - std::chrono::minutes(1)},
                                            {"inline-old", now - std::chrono::hours(5)},
                                            {".tmp-upload", now - std::chrono::hours(5)}};
  CHECK(Unreferenced(stored, {"sha256-live"}, std::chrono::hours(1), now) ==
        std::vector<std::string>{"sha256-old", "inline-old"});
}

TEST_CASE("collecting removes the folders of removed functions only") {
  TempFolder folder;
  RuntimeCatalog runtimes;
  auto store = OpenStore(folder, &runtimes);
  model::FunctionSpec kept, removed;
  kept.source.files = {{"a", "1"}};
  removed.source.files = {{"a", "2"}};
  const std::string kept_path = *store->Materialize(kept.source, nullptr);
  const std::string removed_path = *store->Materialize(removed.source, nullptr);
  const WallTime later = std::chrono::system_clock::now() + std::chrono::hours(2);
  REQUIRE(store->Collect({kept}, std::chrono::hours(1), later).ok());
  CHECK(fs::exists(kept_path));
  CHECK_FALSE(fs::exists(removed_path));
}

}  // namespace
}  // namespace hearth::controller
