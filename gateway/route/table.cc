#include "gateway/route/table.h"

#include <functional>

#include "core/base/strings.h"

namespace hearth::route {

uint64_t Table::Hash(std::string_view name, std::string_view ns) {
  const std::hash<std::string_view> hash;
  uint64_t h = hash(name) * 0x9E3779B97F4A7C15ULL + hash(ns);
  h ^= h >> 32;
  return h == 0 ? 1 : h;
}

const Function* Table::FindExact(std::string_view name, std::string_view ns) const {
  const uint64_t hash = Hash(name, ns);
  const Shard* shard = shards_[hash % kShards].get();
  if (shard == nullptr || shard->slots.empty()) return nullptr;
  const size_t mask = shard->slots.size() - 1;
  for (size_t i = (hash / kShards) & mask;; i = (i + 1) & mask) {
    const Slot& slot = shard->slots[i];
    if (slot.function == nullptr) return nullptr;
    if (slot.hash == hash && slot.function->key.name == name && slot.function->key.ns == ns) {
      return slot.function.get();
    }
  }
}

const Function* Table::Find(std::string_view name, std::string_view ns) const {
  if (ns.empty()) return FindExact(name, default_namespace_);
  const Function* found = FindExact(name, ns);
  if (found == nullptr && openfaas_count_ == 0 && ns == kOpenFaasNamespace) {
    return FindExact(name, default_namespace_);
  }
  return found;
}

std::vector<std::string> Table::Near(std::string_view name, std::string_view ns) const {
  // Looking at everything for each wrong name would let a caller spend the gateway's time.
  constexpr size_t kMost = 2000;
  std::vector<std::string> candidates;
  ForEach([&](const Function& f) {
    if (candidates.size() >= kMost) return;
    const size_t a = f.key.name.size();
    if (a > name.size() + 3 || name.size() > a + 3) return;
    candidates.push_back(f.key.ns == default_namespace_ ? f.key.name : f.key.Text());
  });
  std::string wanted(name);
  if (!ns.empty() && ns != default_namespace_) wanted.append(".").append(ns);
  std::vector<std::string> near = NearNames(wanted, candidates);
  if (near.empty() && wanted.size() != name.size()) near = NearNames(name, candidates);
  return near;
}

}  // namespace hearth::route
