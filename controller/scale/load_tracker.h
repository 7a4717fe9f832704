#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "controller/scale/load.h"
#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

// Turns the gateways' reports into the windows that Decide looks at. It exists so that Decide stays
// a pure function of values: everything that has to be remembered about load is remembered here.
// Takes the time as an argument; no lock: its owner (the application) has one.
class LoadTracker {
 public:
  struct Options {
    Duration need_window = std::chrono::seconds(30);
    Duration rate_window = std::chrono::seconds(10);
    // A lost gateway may still hold requests: until it is back, or this long, nothing is known.
    Duration lost_gateway_memory = std::chrono::seconds(60);
  };
  LoadTracker();
  explicit LoadTracker(Options options);

  void GatewayConnected(const GatewayId& gateway, MonotonicTime now);
  void GatewayLost(const GatewayId& gateway, MonotonicTime now);
  // Returns the functions whose load this changed.
  std::vector<FunctionKey> Report(const GatewayId& gateway, bool full,
                                  const std::vector<FunctionLoad>& loads, MonotonicTime now);

  // Counts as activity: a deployment, a proven revision.
  void Touch(const FunctionKey& function, MonotonicTime now);
  void SetServing(const FunctionKey& function, bool any_ready, MonotonicTime now);
  // What Decide said, so that it can be remembered for the down delay.
  void Record(const FunctionKey& function, uint32_t desired, uint32_t need, MonotonicTime now);
  void SetCurrent(const FunctionKey& function, uint32_t current);
  void Forget(const FunctionKey& function);

  LoadWindows Windows(const FunctionKey& function, MonotonicTime now);
  uint32_t InFlight(const FunctionKey& function, const ReplicaId& replica) const;
  std::vector<FunctionKey> Functions() const;

  // Invocations: a total that survives restarts of both sides. `totals` are what each gateway had
  // counted when the sum was last saved.
  struct Invocations {
    uint64_t sum = 0;
    std::map<std::string, uint64_t> totals;
    bool operator==(const Invocations&) const = default;
  };
  void RestoreInvocations(const FunctionKey& function, Invocations saved);
  Invocations InvocationsOf(const FunctionKey& function) const;

 private:
  struct Sample {
    MonotonicTime time;
    uint32_t need;
  };
  struct RateSample {
    MonotonicTime time;
    uint64_t completed;
  };
  struct PerFunction {
    std::map<GatewayId, FunctionLoad> by_gateway;
    std::optional<MonotonicTime> last_activity;
    std::optional<MonotonicTime> serving_since;
    std::optional<MonotonicTime> stalled_since;  // requests inside, none has ended since
    uint32_t current = 0;
    std::deque<Sample> needs;  // falling needs: the front is the greatest of the window
    uint32_t last_need = 0;    // holds from its decision until the next one
    std::deque<RateSample> rates;
    Invocations invocations;
    uint64_t completed = 0;  // seen by this process
  };
  struct PerGateway {
    bool reported = false;
  };

  void Update(PerFunction& f, const GatewayId& gateway, const FunctionLoad& load,
              MonotonicTime now);
  static void AddNeed(PerFunction& f, uint32_t need, MonotonicTime now);
  void RefreshCompleteness(MonotonicTime now);

  const Options options_;
  std::unordered_map<FunctionKey, PerFunction> functions_;
  std::map<GatewayId, PerGateway> gateways_;
  std::map<GatewayId, MonotonicTime> lost_;
  std::optional<MonotonicTime> complete_since_;
};

}  // namespace hearth::controller
