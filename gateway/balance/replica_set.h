#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/balance/replica.h"

namespace hearth::balance {

struct WeightedRevision {
  std::string revision;
  uint32_t weight = 0;  // of all weights in the set; 0: takes no traffic
  std::vector<std::shared_ptr<Replica>> replicas;
};

// The ready replicas of one function at one moment. Immutable once built, shared by the route table
// and the function's state.
struct ReplicaSet {
  std::vector<WeightedRevision> revisions;  // only those with weight and replicas
  uint32_t total_weight = 0;
  uint32_t replica_count = 0;
  uint32_t max_total_in_flight = 0;  // 0: none
  std::string unavailable_reason;    // why nothing can serve; only of interest without replicas

  bool empty() const { return replica_count == 0; }
  bool Contains(const Replica* replica) const;
  // Requests that can be inside at once; a replica without a limit counts as 100.
  uint32_t Parallel() const;
};

// Sums up and drops what takes no traffic.
std::shared_ptr<const ReplicaSet> MakeReplicaSet(std::vector<WeightedRevision> revisions,
                                                 uint32_t max_total_in_flight,
                                                 std::string unavailable_reason);

}  // namespace hearth::balance
