#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "gateway/balance/replica_set.h"
#include "gateway/queue/wait_queue.h"
#include "gateway/route/function_map.h"
#include "gateway/route/function_state.h"

namespace hearth::route {

// Where OpenFaaS keeps its functions: its users' URLs keep working here without that namespace.
inline constexpr std::string_view kOpenFaasNamespace = "openfaas-fn";

// What the controller says about how one function's requests are to be treated.
struct Policy {
  Duration timeout = std::chrono::seconds(60);             // slot taken → response head; 0: none
  Duration stream_idle_timeout = std::chrono::minutes(5);  // 0: none
  Duration max_duration{};                                 // 0: none
  uint64_t max_body_bytes = 0;                             // 0: unlimited
  queue::Bounds queue;
  Duration queue_max_wait = std::chrono::seconds(60);
  bool is_private = false;
  bool has_watchdog = true;
};

// One function in one snapshot. Immutable; `state` is what lives on from snapshot to snapshot.
struct Function {
  FunctionKey key;
  Policy policy;
  std::shared_ptr<const balance::ReplicaSet> replicas;
  std::shared_ptr<FunctionState> state;
};

// Every route at one moment: an immutable snapshot, replaced as a whole in each loop. A snapshot
// with one function changed shares everything else with the one before it (FunctionMap), so that a
// change costs as much with ten thousand functions as with ten. Thread-safe because it never
// changes; made by RouteStore.
class Table {
 public:
  // "name" + namespace as they stand in the path; an empty namespace is the default one, and
  // "openfaas-fn" is too where no function has it. nullptr: there is no such function.
  const Function* Find(std::string_view name, std::string_view ns) const;
  // The same function as its own reference, for whoever needs it longer than the table.
  std::shared_ptr<const Function> Share(const Function& function) const {
    return functions_.Share(function.key.name, function.key.ns);
  }

  // Up to three existing names that look like this one, best first, as a caller would write them.
  std::vector<std::string> Near(std::string_view name, std::string_view ns) const;

  const std::string& default_namespace() const { return default_namespace_; }
  uint64_t version() const { return version_; }  // grows with every change of this gateway's table
  size_t size() const { return functions_.size(); }
  template <typename F>
  void ForEach(F&& f) const {
    functions_.ForEach(std::forward<F>(f));
  }

 private:
  friend class RouteStore;

  FunctionMap functions_;
  std::string default_namespace_;
  uint64_t version_ = 0;
  size_t openfaas_count_ = 0;  // functions in the namespace "openfaas-fn"
};

}  // namespace hearth::route
