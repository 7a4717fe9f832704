#include "controller/store/sqlite_store.h"

#include <nlohmann/json.hpp>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"

namespace hearth::controller {
namespace {

using nlohmann::json;

// migrations[i] leads from schema version i to i + 1. A released one never changes.
constexpr const char* kMigrations[] = {
    // 1: the first release.
    R"(
      CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
      CREATE TABLE namespaces (
        name TEXT PRIMARY KEY, labels TEXT NOT NULL, annotations TEXT NOT NULL,
        created_ns INTEGER NOT NULL) STRICT;
      CREATE TABLE functions (
        namespace TEXT NOT NULL, name TEXT NOT NULL,
        manifest TEXT NOT NULL, generation INTEGER NOT NULL, created_ns INTEGER NOT NULL,
        door INTEGER NOT NULL, proven TEXT NOT NULL, serving TEXT NOT NULL,
        serving_manifest TEXT NOT NULL, status TEXT NOT NULL, invocations TEXT NOT NULL,
        PRIMARY KEY (namespace, name)) STRICT, WITHOUT ROWID
    )",
};

int64_t ToNanos(WallTime t) { return t.time_since_epoch().count(); }
WallTime FromNanos(int64_t ns) { return WallTime(Duration(ns)); }

std::string ManifestOf(const FunctionKey& key, const model::FunctionSpec& spec) {
  model::Function f;
  f.key = key;
  f.spec = spec;
  return model::ToManifestJson(f).dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<model::Function> ParseStored(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) return absl::DataLossError("a stored manifest is not JSON");
  return model::FromManifestJson(object, {});
}

std::string ToJson(const std::map<std::string, std::string>& map) { return json(map).dump(); }
std::map<std::string, std::string> MapFrom(const std::string& text) {
  std::map<std::string, std::string> out;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return out;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) out[key] = value.get<std::string>();
  }
  return out;
}

absl::StatusOr<FunctionRecord> ReadRow(const Statement& row) {
  FunctionRecord r;
  ASSIGN_OR_RETURN(r.function, ParseStored(row.Text(2)));
  r.function.key = {row.Text(0), row.Text(1)};
  r.function.generation = static_cast<uint64_t>(row.Number(3));
  r.function.created = FromNanos(row.Number(4));
  r.function.door = static_cast<model::Door>(row.Number(5));
  const std::string proven_text = row.Text(6);
  for (std::string_view id : Split(proven_text, ' ')) {
    if (!id.empty()) r.proven.emplace_back(std::string(id));
  }
  r.serving = RevisionId(row.Text(7));
  if (const std::string text = row.Text(8); !text.empty()) {
    ASSIGN_OR_RETURN(const model::Function serving, ParseStored(text));
    r.serving_spec = serving.spec;
  }
  r.status = row.Text(9);
  r.invocations = row.Text(10);
  return r;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path) {
  ASSIGN_OR_RETURN(Database db, Database::Open(path));
  RETURN_IF_ERROR(Migrate(db, kMigrations));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(db)));
}

absl::StatusOr<uint64_t> SqliteStore::NextEpoch() {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement s,
                   db_.Prepare("INSERT INTO meta(key,value) VALUES('epoch',1) ON CONFLICT(key) "
                               "DO UPDATE SET value=value+1 RETURNING value"));
  ASSIGN_OR_RETURN(const bool row, s.Step());
  if (!row) return Internal("the database gave no epoch");
  const auto epoch = static_cast<uint64_t>(s.Number(0));
  RETURN_IF_ERROR(s.Finish());
  return epoch;
}

absl::StatusOr<std::vector<FunctionRecord>> SqliteStore::LoadFunctions() {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(
      Statement s,
      db_.Prepare("SELECT namespace,name,manifest,generation,created_ns,door,proven,serving,"
                  "serving_manifest,status,invocations FROM functions ORDER BY namespace,name"));
  std::vector<FunctionRecord> records;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, s.Step());
    if (!row) return records;
    auto record = ReadRow(s);
    if (!record.ok()) {
      return absl::DataLossError(
          A(Cat("function ", s.Text(1), ".", s.Text(0),
                " in the store cannot be read: ", Message(record.status()))));
    }
    records.push_back(*std::move(record));
  }
}

absl::Status SqliteStore::PutFunction(const FunctionRecord& record) {
  const model::Function& f = record.function;
  const std::string manifest = ManifestOf(f.key, f.spec);
  std::string proven;
  for (const auto& id : record.proven) proven += Cat(proven.empty() ? "" : " ", id.value());
  const std::string serving_manifest =
      record.serving_spec ? ManifestOf(f.key, *record.serving_spec) : std::string();
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement s,
                   db_.Prepare("INSERT OR REPLACE INTO functions VALUES(?,?,?,?,?,?,?,?,?,?,?)"));
  s.Bind(1, f.key.ns).Bind(2, f.key.name).Bind(3, manifest);
  s.Bind(4, static_cast<int64_t>(f.generation)).Bind(5, ToNanos(f.created));
  s.Bind(6, static_cast<int64_t>(f.door)).Bind(7, proven).Bind(8, record.serving.value());
  s.Bind(9, serving_manifest).Bind(10, record.status).Bind(11, record.invocations);
  return s.Finish();
}

absl::Status SqliteStore::RemoveFunction(const FunctionKey& key) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement s, db_.Prepare("DELETE FROM functions WHERE namespace=? AND name=?"));
  return s.Bind(1, key.ns).Bind(2, key.name).Finish();
}

absl::StatusOr<std::vector<Namespace>> SqliteStore::LoadNamespaces() {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(
      Statement s,
      db_.Prepare("SELECT name,labels,annotations,created_ns FROM namespaces ORDER BY name"));
  std::vector<Namespace> out;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, s.Step());
    if (!row) return out;
    out.push_back({s.Text(0), MapFrom(s.Text(1)), MapFrom(s.Text(2)), FromNanos(s.Number(3))});
  }
}

absl::Status SqliteStore::PutNamespace(const Namespace& ns) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement s, db_.Prepare("INSERT OR REPLACE INTO namespaces VALUES(?,?,?,?)"));
  s.Bind(1, ns.name).Bind(2, ToJson(ns.labels)).Bind(3, ToJson(ns.annotations));
  return s.Bind(4, ToNanos(ns.created)).Finish();
}

absl::Status SqliteStore::RemoveNamespace(const std::string& name) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement s, db_.Prepare("DELETE FROM namespaces WHERE name=?"));
  return s.Bind(1, name).Finish();
}

}  // namespace hearth::controller
