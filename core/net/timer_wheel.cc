#include "core/net/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace hearth::net {
namespace {

constexpr int64_t kTickNs = 1'000'000;

}  // namespace

uint64_t TimerWheel::TickAtOrBefore(MonotonicTime t) {
  return static_cast<uint64_t>(std::max<int64_t>(0, t.time_since_epoch().count() / kTickNs));
}

uint64_t TimerWheel::TickAtOrAfter(MonotonicTime t) {
  const int64_t ns = std::max<int64_t>(0, t.time_since_epoch().count());
  return static_cast<uint64_t>(ns / kTickNs + (ns % kTickNs != 0 ? 1 : 0));
}

void TimerWheel::Insert(Timer& timer) {
  ++size_;
  Place(timer);
}

void TimerWheel::Remove(Timer& timer) {
  --size_;
  Unlink(timer);
}

// The level is that of the highest digit (base 64) in which the timer's tick differs from now.
void TimerWheel::Place(Timer& timer) {
  const uint64_t tick = TickAtOrAfter(timer.deadline_);
  if (tick <= elapsed_) {
    Link(kDue, timer);
    return;
  }
  const int level = (static_cast<int>(std::bit_width(tick ^ elapsed_)) - 1) / kBits;
  const uint64_t slot = tick >> (kBits * level) & (kSlots - 1);
  Link(static_cast<uint16_t>(static_cast<uint64_t>(level) * kSlots + slot), timer);
}

void TimerWheel::Link(uint16_t slot, Timer& timer) {
  List& list = lists_[slot];
  timer.slot_ = slot;
  timer.next_ = nullptr;
  timer.prev_ = list.tail;
  (list.tail != nullptr ? list.tail->next_ : list.head) = &timer;
  list.tail = &timer;
  if (slot < kDue) occupied_[slot / kSlots] |= 1ull << (slot % kSlots);
}

void TimerWheel::Unlink(Timer& timer) {
  List& list = lists_[timer.slot_];
  (timer.prev_ != nullptr ? timer.prev_->next_ : list.head) = timer.next_;
  (timer.next_ != nullptr ? timer.next_->prev_ : list.tail) = timer.prev_;
  timer.prev_ = timer.next_ = nullptr;
  if (list.head == nullptr && timer.slot_ < kDue) {
    occupied_[timer.slot_ / kSlots] &= ~(1ull << (timer.slot_ % kSlots));
  }
}

// The slot's time has come: what is due goes to the firing list, the rest to lower levels.
void TimerWheel::Spread(uint16_t slot) {
  const List list = lists_[slot];
  lists_[slot] = {};
  if (slot < kDue) occupied_[slot / kSlots] &= ~(1ull << (slot % kSlots));
  Timer* timer = list.head;
  while (timer != nullptr) {
    Timer* next = timer->next_;
    if (TickAtOrAfter(timer->deadline_) <= elapsed_) {
      Link(kFiring, *timer);
    } else {
      Place(*timer);
    }
    timer = next;
  }
}

std::optional<TimerWheel::Expiry> TimerWheel::NextExpiry() const {
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t bits = occupied_[static_cast<size_t>(level)];
    if (bits == 0) continue;
    // Every timer of a level lies ahead within the level's current turn, because it shares the
    // higher digits with `elapsed_`: the lowest bit is the earliest slot.
    const auto slot = static_cast<uint64_t>(std::countr_zero(bits));
    const int shift = kBits * level;
    const uint64_t turn = elapsed_ >> shift >> kBits << kBits << shift;
    return Expiry{turn + (slot << shift), level, slot};
  }
  return std::nullopt;
}

void TimerWheel::Fire() {
  while (Timer* timer = lists_[kFiring].head) {
    Remove(*timer);
    timer->loop_ = nullptr;
    // Out of the timer while it runs, because it may destroy the timer.
    const std::function<void()> on_fire = std::move(timer->on_fire_);
    timer->on_fire_ = nullptr;
    bool destroyed = false;
    timer->destroyed_ = &destroyed;
    if (on_fire) on_fire();
    if (destroyed) continue;
    timer->destroyed_ = nullptr;
    if (!timer->on_fire_) timer->on_fire_ = on_fire;
  }
}

void TimerWheel::Advance(MonotonicTime now) {
  const uint64_t target = TickAtOrBefore(now);
  Spread(kDue);
  Fire();
  for (auto next = NextExpiry(); next && next->tick <= target; next = NextExpiry()) {
    elapsed_ = std::max(elapsed_, next->tick);
    Spread(static_cast<uint16_t>(static_cast<uint64_t>(next->level) * kSlots + next->slot));
    Fire();
  }
  elapsed_ = std::max(elapsed_, target);
}

std::optional<MonotonicTime> TimerWheel::NextWakeup() const {
  uint64_t tick = 0;
  if (lists_[kDue].head != nullptr) {
    tick = elapsed_;
  } else if (const auto next = NextExpiry()) {
    tick = next->tick;
  } else {
    return std::nullopt;
  }
  return MonotonicTime(Duration(static_cast<int64_t>(tick) * kTickNs));
}

}  // namespace hearth::net
