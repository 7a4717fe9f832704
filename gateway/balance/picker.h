#pragma once

#include <cstdint>
#include <memory>

#include "core/base/clock.h"
#include "gateway/balance/replica_set.h"

namespace hearth::balance {

// A small fast generator (xorshift64*) for choices between equals. Not for secrets.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed | 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
  }
  uint32_t Below(uint32_t n) {  // n > 0
    return static_cast<uint32_t>(((Next() >> 32) * n) >> 32);
  }

 private:
  uint64_t state_;
};

// Up to this many replicas the least loaded one is found by looking at all of them; above it, the
// better of two random ones is taken, and all are looked at only when both are full.
inline constexpr size_t kExactChoice = 8;

// Chooses a replica with a free slot and claims it; nullptr when there is none. A revision is drawn
// by weight first; the others are tried only when it has no free slot. Replicas that are set aside
// are passed over. The claim is one atomic operation when nobody contends for it. The pointer is
// into `set`.
const std::shared_ptr<Replica>* Claim(const ReplicaSet& set, uint32_t loop, MonotonicTime now,
                                      Random& random);

// How long a replica is set aside after its nth consecutive failure: 250 ms doubling up to 15 s.
Duration FailureAside(uint32_t consecutive_failures);

// Whether one more replica may be set aside after a failure that does not prove that nobody is
// there (a timeout): never more than half of them at once.
bool MaySetAside(const ReplicaSet& set, MonotonicTime now);

}  // namespace hearth::balance
