#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace hearth::controller {

class Statement;

// One SQLite database file: write-ahead log, synced on every commit. Turns the library's codes into
// statuses; a full disk is Unavailable. Not thread-safe: its owner has a lock.
class Database {
 public:
  // Creates the file (0600) where it is missing and checks it where it is not.
  static absl::StatusOr<Database> Open(const std::string& path);

  absl::Status Run(const std::string& sql);  // any number of statements, without results
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  absl::StatusOr<int64_t> SchemaVersion();

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* db) const;
  };
  absl::Status Check();
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

// A prepared statement: bind by position from 1, step, read columns from 0.
class Statement {
 public:
  Statement& Bind(int position, std::string_view text);
  Statement& Bind(int position, int64_t number);
  absl::StatusOr<bool> Step();  // true: a row is there
  absl::Status Finish();        // for statements without rows
  std::string Text(int column) const;
  int64_t Number(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  sqlite3* db_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

// Brings the schema up to date: migrations[i] leads from version i to i + 1, each in a transaction.
// A file of a later version than `migrations` knows is refused and left as it is.
absl::Status Migrate(Database& db, std::span<const char* const> migrations);

}  // namespace hearth::controller
