#include "controller/store/store.h"

#include <catch2/catch.hpp>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "controller/store/sqlite.h"
#include "controller/store/sqlite_store.h"
#include "tests/fakes/fake_store.h"
#include "tests/unit/controller/store/temp_folder.h"

using namespace hearth;
using namespace hearth::controller;

namespace {

FunctionRecord Record(std::string name) {
  FunctionRecord r;
  r.function.key = {"default", std::move(name)};
  r.function.spec.runtime = "python3";
  r.function.spec.source.inline_code = "def handler(e, c): return 'ü'";
  r.function.spec.environment = {{"A", "1"}, {"B", ""}};
  r.function.spec.scaling.max = 7;
  r.function.generation = 4;
  r.function.created = WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  r.function.door = model::Door::kOpenFaasApi;
  r.proven = {RevisionId("r-1"), RevisionId("r-2")};
  r.serving = RevisionId("r-1");
  r.serving_spec = r.function.spec;
  r.serving_spec->scaling.max = 3;
  r.status = "{\"conditions\":[]}";
  r.invocations = "{}";
  return r;
}

void CheckSame(const FunctionRecord& a, const FunctionRecord& b) {
  CHECK(a.function.key == b.function.key);
  CHECK(a.function.spec == b.function.spec);
  CHECK(a.function.generation == b.function.generation);
  CHECK(a.function.created == b.function.created);
  CHECK(a.function.door == b.function.door);
  CHECK(a.proven == b.proven);
  CHECK(a.serving == b.serving);
  CHECK(a.serving_spec == b.serving_spec);
  CHECK(a.status == b.status);
  CHECK(a.invocations == b.invocations);
}

// What every Store does. `reopen` gives the store as it is after a restart.
void StoreContract(const std::function<Store&()>& reopen) {
  {
    Store& s = reopen();
    CHECK(s.LoadFunctions()->empty());
    CHECK(s.NextEpoch().value() == 1);
    CHECK(s.NextEpoch().value() == 2);
    CHECK(s.PutFunction(Record("a")).ok());
    CHECK(s.PutFunction(Record("b")).ok());
    FunctionRecord changed = Record("b");
    changed.function.generation = 5;
    changed.serving_spec.reset();
    CHECK(s.PutFunction(changed).ok());
    CHECK(s.PutNamespace({"team", {{"k", "v"}}, {}, WallTime(std::chrono::seconds(5))}).ok());
  }
  {
    Store& s = reopen();
    CHECK(s.NextEpoch().value() == 3);
    const auto all = s.LoadFunctions().value();
    REQUIRE(all.size() == 2);
    CheckSame(all[0], Record("a"));
    CHECK(all[1].function.generation == 5);
    CHECK_FALSE(all[1].serving_spec.has_value());
    const auto namespaces = s.LoadNamespaces().value();
    REQUIRE(namespaces.size() == 1);
    CHECK(namespaces[0].labels.at("k") == "v");
    CHECK(s.RemoveFunction({"default", "a"}).ok());
    CHECK(s.RemoveFunction({"default", "a"}).ok());
    CHECK(s.RemoveNamespace("team").ok());
  }
  Store& s = reopen();
  CHECK(s.LoadFunctions()->size() == 1);
  CHECK(s.LoadNamespaces()->empty());
}

}  // namespace

TEST_CASE("Store contract: in memory") {
  fakes::FakeStore store;
  StoreContract([&]() -> Store& { return store; });
}

TEST_CASE("Store contract: SQLite") {
  const TempFolder folder;
  std::unique_ptr<SqliteStore> store;
  StoreContract([&]() -> Store& {
    store.reset();
    store = SqliteStore::Open(folder.path() + "/hearth.db").value();
    return *store;
  });
  struct stat info {};
  REQUIRE(::stat((folder.path() + "/hearth.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("A file of schema version 1 is read") {
  const TempFolder folder;
  const std::string path = folder.path() + "/hearth.db";
  {
    Database db = Database::Open(path).value();
    REQUIRE(db.Run(R"(
      CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
      CREATE TABLE namespaces (name TEXT PRIMARY KEY, labels TEXT NOT NULL,
        annotations TEXT NOT NULL, created_ns INTEGER NOT NULL) STRICT;
      CREATE TABLE functions (namespace TEXT NOT NULL, name TEXT NOT NULL, manifest TEXT NOT NULL,
        generation INTEGER NOT NULL, created_ns INTEGER NOT NULL, door INTEGER NOT NULL,
        proven TEXT NOT NULL, serving TEXT NOT NULL, serving_manifest TEXT NOT NULL,
        status TEXT NOT NULL, invocations TEXT NOT NULL,
        PRIMARY KEY (namespace, name)) STRICT, WITHOUT ROWID;
      INSERT INTO meta VALUES('epoch', 41);
      INSERT INTO functions VALUES('default','old',
        '{"apiVersion":"hearth.dev/v1","kind":"Function","metadata":{"name":"old"},"spec":
          {"runtime":"bash","source":{"inline":"echo hi"}}}',
        3, 1700000000000000000, 0, 'r-1', 'r-1', '', '', '');
      PRAGMA user_version=1;)")
                .ok());
  }
  auto store = SqliteStore::Open(path);
  REQUIRE(store.ok());
  CHECK((*store)->NextEpoch().value() == 42);
  const auto all = (*store)->LoadFunctions();
  REQUIRE(all.ok());
  REQUIRE(all->size() == 1);
  CHECK(all->front().function.spec.runtime == "bash");
  CHECK(all->front().function.generation == 3);
}

TEST_CASE("Migrations run in order, whole or not at all") {
  const TempFolder folder;
  Database db = Database::Open(folder.path() + "/m.db").value();
  const char* const one[] = {"CREATE TABLE t (a)"};
  const char* const two[] = {"CREATE TABLE t (a)", "ALTER TABLE t ADD COLUMN b"};
  const char* const broken[] = {"CREATE TABLE t (a)", "ALTER TABLE t ADD COLUMN b",
                                "CREATE TABLE u (c); CREATE TABLE t (again)"};
  CHECK(Migrate(db, one).ok());
  CHECK(db.SchemaVersion().value() == 1);
  CHECK(Migrate(db, two).ok());
  CHECK(db.Run("INSERT INTO t(a,b) VALUES(1,2)").ok());
  CHECK_FALSE(Migrate(db, broken).ok());
  CHECK(db.SchemaVersion().value() == 2);
  CHECK_FALSE(db.Run("INSERT INTO u VALUES(1)").ok());
  CHECK(Migrate(db, two).ok());
  const absl::Status newer = Migrate(db, one);
  CHECK(newer.code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("A damaged file is refused with a remedy") {
  const TempFolder folder;
  const std::string path = folder.path() + "/hearth.db";
  std::ofstream(path) << std::string(8192, 'x');
  const auto store = SqliteStore::Open(path);
  REQUIRE_FALSE(store.ok());
  CHECK(std::string(store.status().message()).find("backup") != std::string::npos);
}

TEST_CASE("A full disk is an error, and what was there stays") {
  const TempFolder folder;
  Database db = Database::Open(folder.path() + "/full.db").value();
  REQUIRE(db.Run("CREATE TABLE t (a); INSERT INTO t VALUES('kept');"
                 "PRAGMA max_page_count=4;")
              .ok());
  const absl::Status full = db.Run("INSERT INTO t VALUES(zeroblob(1000000))");
  CHECK(full.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(full.message()).find("disk is full") != std::string::npos);
  Statement s = db.Prepare("SELECT count(*) FROM t").value();
  REQUIRE(s.Step().value());
  CHECK(s.Number(0) == 1);
}
