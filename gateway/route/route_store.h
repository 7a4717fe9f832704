#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "gateway/route/table.h"

namespace hearth::v1 {
class FunctionRoute;
class RouteSnapshot;
class RouteDelta;
}  // namespace hearth::v1

namespace hearth::route {

struct ReplicaSpec {
  std::string id;
  std::string address;
  std::string token;
  uint32_t capacity = 0;
};
struct RevisionSpec {
  std::string revision;
  uint32_t weight = 0;
  std::vector<ReplicaSpec> replicas;
};
// One function as the controller describes it; the plain form of proto FunctionRoute.
struct FunctionSpec {
  FunctionKey key;
  std::vector<RevisionSpec> revisions;
  Policy policy;
  uint32_t max_total_in_flight = 0;
  std::string unavailable_reason;
  bool is_default_namespace = false;
};

// Zero and absent fields of the message mean what fleet.proto says; bounds of the queue that are
// zero mean the platform's defaults.
FunctionSpec FromProto(const v1::FunctionRoute& route);

// Makes route tables out of what the controller sends. It exists to keep run-time state (queues,
// counts) attached to the right function and replica while snapshots come and go. One thread: the
// one that reads the fleet stream. Outlives the loops that route by its tables. The tables it
// returns go to every loop (proxy::DataPath::Install).
class RouteStore {
 public:
  struct Options {
    uint32_t loop_count = 1;
    std::string default_namespace = "default";  // until a route says which it is
    DemandObserver* demand = nullptr;           // may be null; outlives the store
    PlatformLimits* limits = nullptr;           // may be null; outlives the store
  };
  RouteStore(const Clock& clock, Options options);
  ~RouteStore();

  // Whole snapshot: functions that are not in it are deleted.
  std::shared_ptr<const Table> Reset(std::vector<FunctionSpec> functions);
  std::shared_ptr<const Table> Apply(std::vector<FunctionSpec> upserts,
                                     const std::vector<FunctionKey>& deletes);
  std::shared_ptr<const Table> Reset(const v1::RouteSnapshot& snapshot);
  std::shared_ptr<const Table> Apply(const v1::RouteDelta& delta);
  std::shared_ptr<const Table> current() const { return current_; }

  // Every function's state: for a full demand report; from any thread. `Sample().since_activity`
  // tells the idle.
  std::vector<std::shared_ptr<FunctionState>> States() const;

 private:
  void Upsert(Table* table, FunctionSpec spec);
  void Delete(Table* table, const FunctionKey& key);

  const Clock& clock_;
  std::shared_ptr<FunctionState::Shared> shared_;
  mutable std::mutex mutex_;  // guards current_ against States; written by the one thread
  std::shared_ptr<const Table> current_;
};

}  // namespace hearth::route
