#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/clock.h"

namespace hearth::fleet {

// Decides when a demand report is sent and which functions it covers. Level-triggered: it keeps
// only that a function has changed, never how. Functions are known by their index. Pure: time comes
// in as an argument; its owner guards it.
class DemandSchedule {
 public:
  struct Intervals {
    Duration urgent = std::chrono::milliseconds(5);    // while requests wait
    Duration routine = std::chrono::milliseconds(50);  // while counts change
    Duration heartbeat = std::chrono::seconds(1);      // while anything is inside or waiting
  };
  enum class Urgency : uint8_t { kRoutine, kNow };

  struct Batch {
    bool full = false;  // every function, whatever `functions` holds
    std::vector<uint32_t> functions;
  };

  DemandSchedule() : DemandSchedule(Intervals{}) {}
  explicit DemandSchedule(const Intervals& intervals) : intervals_(intervals) {}

  // A stream to the obeyed controller is up: the next report is full, and due at once.
  void OnConnected() { full_ = true, connected_ = true; }
  void OnDisconnected() { connected_ = false; }

  // The first waiter of a function that had none goes at once; more of them, and counts, are
  // gathered up.
  void OnChange(uint32_t function, Urgency urgency, MonotonicTime now);

  // When Take has something to give; nullopt: not before the next OnChange or OnConnected.
  std::optional<MonotonicTime> Due() const;

  // What to report now; empty when nothing is due. Each function has to be told back by OnReported.
  std::optional<Batch> Take(MonotonicTime now);
  // `waiting`: requests were waiting. `active`: it is to be part of the heartbeats, because
  // something is inside or was a moment ago.
  void OnReported(uint32_t function, bool waiting, bool active);
  void Forget(uint32_t function);  // deleted

 private:
  void Need(MonotonicTime when);
  std::optional<MonotonicTime> NextBeat() const;

  const Intervals intervals_;
  bool connected_ = false;
  bool full_ = false;
  std::optional<MonotonicTime> due_;          // of `changed_`
  std::optional<MonotonicTime> last_report_;  // whichever kind
  std::optional<MonotonicTime> last_beat_;    // heartbeat or full
  std::unordered_set<uint32_t> changed_;
  std::unordered_set<uint32_t> waiting_;  // when last reported
  std::unordered_set<uint32_t> active_;
};

}  // namespace hearth::fleet
