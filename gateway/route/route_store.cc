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
  current_->ForEach([&](const Function& f) {
    if (!named.contains(f.key)) deletes.push_back(f.key);
  });
  return Apply(std::move(functions), deletes);
}

std::shared_ptr<const Table> RouteStore::Apply(std::vector<FunctionSpec> upserts,
                                               const std::vector<FunctionKey>& deletes) {
  auto table = std::make_shared<Table>(*current_);
  ++table->version_;
  for (const FunctionKey& key : deletes) Delete(table.get(), key);
  for (FunctionSpec& spec : upserts) Upsert(table.get(), std::move(spec));
  const std::lock_guard lock(mutex_);
  current_ = std::move(table);
  return current_;
}

void RouteStore::Upsert(Table* table, FunctionSpec spec) {
  const Function* known = table->functions_.Find(spec.key.name, spec.key.ns);
  const std::shared_ptr<FunctionState> state =
      known == nullptr ? std::make_shared<FunctionState>(spec.key, shared_) : known->state;
  if (known == nullptr && spec.key.ns == kOpenFaasNamespace) ++table->openfaas_count_;
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
  table->functions_ = table->functions_.With(
      std::make_shared<const Function>(Function{state->key(), spec.policy, replicas, state}));
  state->SetReplicas(std::move(replicas), clock_.Now());
}

void RouteStore::Delete(Table* table, const FunctionKey& key) {
  const Function* known = table->functions_.Find(key.name, key.ns);
  if (known == nullptr) return;
  const std::shared_ptr<FunctionState> state = known->state;
  table->functions_ = table->functions_.Without(state->key());
  if (key.ns == kOpenFaasNamespace) --table->openfaas_count_;
  state->Close();
}

std::vector<std::shared_ptr<FunctionState>> RouteStore::States() const {
  std::shared_ptr<const Table> table;
  {
    const std::lock_guard lock(mutex_);
    table = current_;
  }
  std::vector<std::shared_ptr<FunctionState>> result;
  result.reserve(table->size());
  table->ForEach([&](const Function& f) { result.push_back(f.state); });
  return result;
}

}  // namespace hearth::route
