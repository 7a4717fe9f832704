#include "controller/store/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

absl::Status ErrorOf(int code, sqlite3* db, std::string_view doing) {
  const char* detail = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Unavailable(Cat("cannot ", doing, ": the disk is full; make room and try again"));
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return Unavailable(Cat("cannot ", doing, ": ", detail));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable(Cat("cannot ", doing, ": another process uses the data folder"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(A(Cat("cannot ", doing, ": the database is damaged: ", detail)));
    default:
      return Internal(Cat("cannot ", doing, ": ", detail));
  }
}

}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::StatusOr<Database> Database::Open(const std::string& path) {
  Database out;
  out.path_ = path;
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  out.db_.reset(db);
  if (code != SQLITE_OK) return ErrorOf(code, db, Cat("open ", path));
  ::chmod(path.c_str(), 0600);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 2000);
  RETURN_IF_ERROR(out.Check());
  RETURN_IF_ERROR(out.Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"));
  return out;
}

absl::Status Database::Check() {
  auto damaged = [&](std::string_view what) {
    return absl::DataLossError(A(Cat(path_, " is damaged (", what,
                                     "); restore it from a backup, or move it away to begin "
                                     "without functions")));
  };
  auto check = Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return damaged(Message(check.status()));
  auto row = check->Step();
  if (!row.ok()) return damaged(Message(row.status()));
  if (const std::string result = *row ? check->Text(0) : "no answer"; result != "ok") {
    return damaged(result);
  }
  return absl::OkStatus();
}

absl::Status Database::Run(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(code, db_.get(), "write " + path_);
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) {
  Statement out;
  out.db_ = db_.get();
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  out.statement_.reset(statement);
  if (code != SQLITE_OK) return ErrorOf(code, db_.get(), "read " + path_);
  return out;
}

absl::StatusOr<int64_t> Database::SchemaVersion() {
  ASSIGN_OR_RETURN(Statement query, Prepare("PRAGMA user_version"));
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? query.Number(0) : 0;
}

Statement& Statement::Bind(int position, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), position, text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::Bind(int position, int64_t number) {
  const int code = sqlite3_bind_int64(statement_.get(), position, number);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != 0) return ErrorOf(bind_error_, db_, "prepare a write to the database");
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return ErrorOf(code, db_, "use the database");
}

absl::Status Statement::Finish() {
  ASSIGN_OR_RETURN(bool row, Step());
  while (row) {
    ASSIGN_OR_RETURN(row, Step());
  }
  return absl::OkStatus();
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr ? std::string() : std::string(text, static_cast<size_t>(size));
}

int64_t Statement::Number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

absl::Status Migrate(Database& db, std::span<const char* const> migrations) {
  ASSIGN_OR_RETURN(const int64_t version, db.SchemaVersion());
  const auto known = static_cast<int64_t>(migrations.size());
  if (version > known) {
    return FailedPrecondition(Cat("the data folder has schema version ", version,
                                  ", written by a newer release; this one knows up to ", known,
                                  ": use that release again, or another data folder"));
  }
  for (int64_t v = version; v < known; ++v) {
    const std::string step = Cat("BEGIN IMMEDIATE; ", migrations[static_cast<size_t>(v)],
                                 "; PRAGMA user_version=", v + 1, "; COMMIT;");
    if (absl::Status done = db.Run(step); !done.ok()) {
      (void)db.Run("ROLLBACK");
      return absl::Status(done.code(),
                          A(Cat("schema version ", v, " to ", v + 1, ": ", Message(done))));
    }
  }
  return absl::OkStatus();
}

}  // namespace hearth::controller
