#include "gateway/balance/picker.h"

namespace hearth::balance {
namespace {

using Replicas = std::vector<std::shared_ptr<Replica>>;

bool Usable(const Replica& replica, MonotonicTime now) {
  return !replica.Full() && !replica.IsAside(now);
}

// The least loaded of all, beginning at a random place so that equals take turns.
const std::shared_ptr<Replica>* LeastLoaded(const Replicas& replicas, uint32_t loop,
                                            MonotonicTime now, Random& random) {
  const size_t count = replicas.size();
  size_t at = count == 1 ? 0 : random.Below(static_cast<uint32_t>(count));
  const std::shared_ptr<Replica>* best = nullptr;
  uint32_t best_load = 0;
  for (size_t i = 0; i < count; ++i, at = at + 1 == count ? 0 : at + 1) {
    const Replica& candidate = *replicas[at];
    if (!Usable(candidate, now)) continue;
    const uint32_t load = candidate.Load(loop);
    if (best == nullptr || load < best_load) {
      best = &replicas[at];
      best_load = load;
      if (load == 0) break;
    }
  }
  return best;
}

const std::shared_ptr<Replica>* BetterOfTwo(const Replicas& replicas, uint32_t loop,
                                            MonotonicTime now, Random& random) {
  const auto count = static_cast<uint32_t>(replicas.size());
  const uint32_t first = random.Below(count);
  uint32_t second = random.Below(count - 1);
  if (second >= first) ++second;
  const auto& a = replicas[first];
  const auto& b = replicas[second];
  const bool a_usable = Usable(*a, now);
  if (!Usable(*b, now)) return a_usable ? &a : nullptr;
  if (!a_usable) return &b;
  return a->Load(loop) <= b->Load(loop) ? &a : &b;
}

const std::shared_ptr<Replica>* ClaimIn(const Replicas& replicas, uint32_t loop, MonotonicTime now,
                                        Random& random) {
  if (replicas.size() > kExactChoice) {
    const auto* chosen = BetterOfTwo(replicas, loop, now, random);
    if (chosen != nullptr && (*chosen)->TryClaim(loop)) return chosen;
  }
  // Another loop may take the last slot of the chosen replica between the look and the claim; then
  // the next look sees it full. Each round lost means that a slot was won elsewhere.
  while (const auto* chosen = LeastLoaded(replicas, loop, now, random)) {
    if ((*chosen)->TryClaim(loop)) return chosen;
  }
  return nullptr;
}

}  // namespace

const std::shared_ptr<Replica>* Claim(const ReplicaSet& set, uint32_t loop, MonotonicTime now,
                                      Random& random) {
  const size_t count = set.revisions.size();
  if (count == 0) return nullptr;
  if (count == 1) return ClaimIn(set.revisions[0].replicas, loop, now, random);
  uint32_t draw = random.Below(set.total_weight);
  size_t drawn = 0;
  while (draw >= set.revisions[drawn].weight) draw -= set.revisions[drawn++].weight;
  for (size_t i = 0; i < count; ++i) {
    const auto* chosen = ClaimIn(set.revisions[(drawn + i) % count].replicas, loop, now, random);
    if (chosen != nullptr) return chosen;
  }
  return nullptr;
}

Duration FailureAside(uint32_t consecutive_failures) {
  constexpr Duration kFirst = std::chrono::milliseconds(250);
  constexpr Duration kLongest = std::chrono::seconds(15);
  if (consecutive_failures > 6) return kLongest;
  return std::min(kLongest,
                  kFirst * (1 << (consecutive_failures == 0 ? 0 : consecutive_failures - 1)));
}

bool MaySetAside(const ReplicaSet& set, MonotonicTime now) {
  uint32_t aside = 0;
  for (const auto& revision : set.revisions) {
    for (const auto& replica : revision.replicas) aside += replica->IsAside(now) ? 1 : 0;
  }
  return aside < std::max<uint32_t>(1, set.replica_count / 2);
}

}  // namespace hearth::balance
