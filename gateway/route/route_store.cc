#include "gateway/route/route_store.h"

#include <unordered_set>
#include <utility>

namespace hearth::route {

RouteStore::RouteStore(const Clock& clock, Options options)
    : clock_(clock), shared_(std::make_shared<FunctionState::Shared>()) {
  shared_->clock = &clock;
  shared_->loop_count = options.loop_count;
  shared_->demand = options.demand;
  shared_->limits = options.limits;
  auto table = std::make_shared<Table>();
  table->default_namespace_ = std::move(options.default_namespace);
  current_ = std::move(table);
}

RouteStore::~RouteStore() = default;

std::shared_ptr<const Table> RouteStore::Reset(std::vector<FunctionSpec> functions) {
  std::unordered_set<FunctionKey> named;
  for (const FunctionSpec& f : functions) named.insert(f.key);
  std::vector<FunctionKey> deletes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, state] : states_) {
      if (!named.contains(key)) deletes.push_back(key);
    }
  }
  return Apply(std::move(functions), deletes);
}

std::shared_ptr<const Table> RouteStore::Apply(std::vector<FunctionSpec> upserts,
                                               const std::vector<FunctionKey>& deletes) {
  auto table = std::make_shared<Table>(*current_);
  ++table->version_;
  for (const FunctionKey& key : deletes) Delete(table.get(), key);
  for (FunctionSpec& spec : upserts) Upsert(table.get(), std::move(spec));
  current_ = std::move(table);
  return current_;
}

void RouteStore::Upsert(Table* table, FunctionSpec spec) {
  std::shared_ptr<FunctionState> state;
  {
    const std::lock_guard lock(mutex_);
    auto& known = states_[spec.key];
    if (known == nullptr) known = std::make_shared<FunctionState>(spec.key, shared_);
    state = known;
  }
  std::vector<balance::WeightedRevision> revisions;
  for (RevisionSpec& revision : spec.revisions) {
    balance::WeightedRevision made{std::move(revision.revision), revision.weight, {}};
    for (const ReplicaSpec& r : revision.replicas) {
      made.replicas.push_back(state->ReplicaFor(ReplicaId(r.id), r.address, r.token, r.capacity));
    }
    revisions.push_back(std::move(made));
  }
  auto replicas = balance::MakeReplicaSet(std::move(revisions), spec.max_total_in_flight,
                                          std::move(spec.unavailable_reason));
  if (spec.is_default_namespace) table->default_namespace_ = spec.key.ns;
  Put(table, std::make_shared<const Function>(
                 Function{std::move(spec.key), spec.policy, replicas, state}));
  state->SetReplicas(std::move(replicas), clock_.Now());
}

void RouteStore::Delete(Table* table, const FunctionKey& key) {
  std::shared_ptr<FunctionState> state;
  {
    const std::lock_guard lock(mutex_);
    const auto it = states_.find(key);
    if (it == states_.end()) return;
    state = std::move(it->second);
    states_.erase(it);
  }
  const uint64_t hash = Table::Hash(key.name, key.ns);
  auto& place = table->shards_[hash % Table::kShards];
  Table::Shard rest;  // rebuilt without the deleted one: open addressing has no holes
  for (const Table::Slot& slot : place->slots) {
    if (slot.function != nullptr && slot.function->key != key) Insert(&rest, slot);
  }
  place = std::make_shared<const Table::Shard>(std::move(rest));
  --table->size_;
  if (key.ns == kOpenFaasNamespace) --table->openfaas_count_;
  state->Close();
}

void RouteStore::Put(Table* table, std::shared_ptr<const Function> function) {
  const bool is_new = table->FindExact(function->key.name, function->key.ns) == nullptr;
  if (is_new) {
    ++table->size_;
    if (function->key.ns == kOpenFaasNamespace) ++table->openfaas_count_;
  }
  const uint64_t hash = Table::Hash(function->key.name, function->key.ns);
  auto& place = table->shards_[hash % Table::kShards];
  Table::Shard copy = place == nullptr ? Table::Shard{} : *place;
  Insert(&copy, Table::Slot{hash, std::move(function)});
  place = std::make_shared<const Table::Shard>(std::move(copy));
}

void RouteStore::Insert(Table::Shard* shard, Table::Slot slot) {
  if (shard->slots.size() < 2 * (shard->used + 1)) {
    Table::Shard bigger;
    bigger.slots.resize(shard->slots.empty() ? 4 : shard->slots.size() * 2);
    for (Table::Slot& old : shard->slots) {
      if (old.function != nullptr) Insert(&bigger, std::move(old));
    }
    *shard = std::move(bigger);
  }
  const size_t mask = shard->slots.size() - 1;
  size_t i = (slot.hash / Table::kShards) & mask;
  while (shard->slots[i].function != nullptr) {
    if (shard->slots[i].hash == slot.hash && shard->slots[i].function->key == slot.function->key) {
      shard->slots[i] = std::move(slot);
      return;
    }
    i = (i + 1) & mask;
  }
  shard->slots[i] = std::move(slot);
  ++shard->used;
}

std::vector<std::shared_ptr<FunctionState>> RouteStore::States() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FunctionState>> result;
  result.reserve(states_.size());
  for (const auto& [key, state] : states_) result.push_back(state);
  return result;
}

}  // namespace hearth::route
