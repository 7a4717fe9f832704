#include "gateway/balance/replica_set.h"

#include <utility>

namespace hearth::balance {

uint64_t Replica::NextSerial() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

Replica::Cell* Replica::MakeCells() {
  auto* made = new Cell[loop_count_];
  Cell* there = nullptr;
  if (cells_.compare_exchange_strong(there, made)) return made;
  delete[] made;  // another loop was first
  return there;
}

bool ReplicaSet::Contains(const Replica* replica) const {
  for (const auto& revision : revisions) {
    for (const auto& r : revision.replicas) {
      if (r.get() == replica) return true;
    }
  }
  return false;
}

uint32_t ReplicaSet::Parallel() const {
  uint32_t sum = 0;
  for (const auto& revision : revisions) {
    for (const auto& r : revision.replicas) sum += r->capacity() == 0 ? 100 : r->capacity();
  }
  if (max_total_in_flight != 0) sum = std::min(sum, max_total_in_flight);
  return sum;
}

std::shared_ptr<const ReplicaSet> MakeReplicaSet(std::vector<WeightedRevision> revisions,
                                                 uint32_t max_total_in_flight,
                                                 std::string unavailable_reason) {
  auto set = std::make_shared<ReplicaSet>();
  set->max_total_in_flight = max_total_in_flight;
  set->unavailable_reason = std::move(unavailable_reason);
  for (WeightedRevision& revision : revisions) {
    if (revision.weight == 0 || revision.replicas.empty()) continue;
    set->total_weight += revision.weight;
    set->replica_count += static_cast<uint32_t>(revision.replicas.size());
    set->revisions.push_back(std::move(revision));
  }
  return set;
}

}  // namespace hearth::balance
