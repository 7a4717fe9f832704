#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/function.h"

namespace hearth::controller {

// All that has to be known about a function after a restart.
struct FunctionRecord {
  model::Function function;
  std::vector<RevisionId> proven;  // oldest first; these have answered once
  RevisionId serving;              // the revision that took the traffic last; empty: none yet
  // Of `serving`, where it is not the function's own: its replicas may have to be made again.
  std::optional<model::FunctionSpec> serving_spec;
  std::string status;       // JSON of the application: conditions with their times
  std::string invocations;  // likewise: totals
};

struct Namespace {
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  WallTime created{};
};

// The desired state of one machine, durable when a call returns. It exists so that the application
// can be tested without a disk. Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  // One more than ever before: marks this start of the controller as newer than all others.
  virtual absl::StatusOr<uint64_t> NextEpoch() = 0;

  virtual absl::StatusOr<std::vector<FunctionRecord>> LoadFunctions() = 0;
  virtual absl::Status PutFunction(const FunctionRecord& record) = 0;  // inserts or replaces
  virtual absl::Status RemoveFunction(const FunctionKey& key) = 0;     // fine where there is none

  virtual absl::StatusOr<std::vector<Namespace>> LoadNamespaces() = 0;
  virtual absl::Status PutNamespace(const Namespace& ns) = 0;
  virtual absl::Status RemoveNamespace(const std::string& name) = 0;
};

}  // namespace hearth::controller
