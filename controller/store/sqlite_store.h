#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "controller/store/sqlite.h"
#include "controller/store/store.h"

namespace hearth::controller {

// The store of one machine: one SQLite file. A write is on disk when its call returns; where it
// cannot be, the call fails and nothing has changed. Thread-safe by one lock, calls take as long as
// the disk does.
class SqliteStore final : public Store {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path);

  absl::StatusOr<uint64_t> NextEpoch() override;
  absl::StatusOr<std::vector<FunctionRecord>> LoadFunctions() override;
  absl::Status PutFunction(const FunctionRecord& record) override;
  absl::Status RemoveFunction(const FunctionKey& key) override;
  absl::StatusOr<std::vector<Namespace>> LoadNamespaces() override;
  absl::Status PutNamespace(const Namespace& ns) override;
  absl::Status RemoveNamespace(const std::string& name) override;

 private:
  explicit SqliteStore(Database db) : db_(std::move(db)) {}
  std::mutex mutex_;  // guards db_
  Database db_;
};

}  // namespace hearth::controller
