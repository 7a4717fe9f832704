#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/net/loop.h"

namespace hearth::net {

// All armed timers of one loop: a hierarchical wheel of eight levels with 64 slots each, one tick a
// millisecond: every time that a MonotonicTime can hold has a slot. Arming, re-arming and
// cancelling cost the same few instructions however many timers there are, and allocate nothing: a
// connection re-arms its timeout on every request. Both loops use it, so that tests fire timers in
// the order in which the real one does. One thread.
class TimerWheel {
 public:
  explicit TimerWheel(MonotonicTime start) : elapsed_(TickAtOrBefore(start)) {}

  // `timer` is not in any wheel.
  void Insert(Timer& timer);
  void Remove(Timer& timer);
  // Fires what is due, earliest first. What callbacks arm for a time that has passed fires at the
  // next call, so that one call always ends.
  void Advance(MonotonicTime now);
  // When Advance next has something to do: never later than the first timer. nullopt: no timers.
  std::optional<MonotonicTime> NextWakeup() const;
  bool empty() const { return size_ == 0; }

 private:
  static constexpr int kLevels = 8;
  static constexpr int kBits = 6;
  static constexpr uint64_t kSlots = 1u << kBits;
  static constexpr uint16_t kDue = kLevels * kSlots;  // may fire at the next Advance
  static constexpr uint16_t kFiring = kDue + 1;       // being fired by this Advance

  struct List {
    Timer* head = nullptr;
    Timer* tail = nullptr;
  };
  struct Expiry {
    uint64_t tick;
    int level;
    uint64_t slot;
  };

  static uint64_t TickAtOrBefore(MonotonicTime t);
  static uint64_t TickAtOrAfter(MonotonicTime t);
  void Place(Timer& timer);
  void Link(uint16_t slot, Timer& timer);
  void Unlink(Timer& timer);
  void Spread(uint16_t slot);
  void Fire();
  std::optional<Expiry> NextExpiry() const;

  uint64_t elapsed_;  // ticks dealt with
  size_t size_ = 0;
  std::array<uint64_t, kLevels> occupied_{};  // a bit for each slot with timers
  std::array<List, kLevels * kSlots + 2> lists_{};
};

}  // namespace hearth::net
