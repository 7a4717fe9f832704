#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "gateway/fleet/demand_schedule.h"
#include "gateway/proxy/interfaces.h"
#include "gateway/route/function_state.h"

namespace hearth::v1 {
class GatewayMessage;
}

namespace hearth::fleet {

// What waits to be said to the obeyed controller: acknowledgements, failed replicas, demand. The
// loops put things in without waiting for anybody; the one thread that writes the stream takes them
// out. Everything in it is a level or bounded, so that it may be away for any time. Thread-safe;
// owned by the application, outlives the route store and the data path.
class Outbox final : public route::DemandObserver, public proxy::ReplicaFailureObserver {
 public:
  using States = std::function<std::vector<std::shared_ptr<route::FunctionState>>()>;

  explicit Outbox(const Clock& clock, const DemandSchedule::Intervals& intervals = {});
  ~Outbox() override;

  // From the loops.
  void OnDemand(const std::shared_ptr<route::FunctionState>& state,
                route::DemandUrgency urgency) override;
  void OnReplicaFailure(const FunctionKey& function, const ReplicaId& replica,
                        std::string_view reason) override;

  // A stream to the obeyed controller is up. Ends the session before it. Never returns 0.
  uint64_t Open();
  void Close(uint64_t session);

  // Every loop routes by everything up to `sequence`.
  void Ack(uint64_t session, uint64_t epoch, uint64_t sequence);

  // Blocks until there is something to send in this session; empty once it is over. `all` lists
  // every function, for a full report. The writer's thread only.
  std::vector<v1::GatewayMessage> Next(uint64_t session, const States& all);

  uint64_t failures_dropped() const;

 private:
  struct Failure {
    FunctionKey function;
    ReplicaId replica;
    std::string reason;
  };
  struct Position {
    uint64_t epoch = 0;
    uint64_t sequence = 0;
  };
  bool HasMessages() const { return ack_.has_value() || !failures_.empty(); }
  void TakeMessages(std::vector<v1::GatewayMessage>* out);  // mutex_ held
  void AppendDemand(const DemandSchedule::Batch& batch, const States& all, MonotonicTime now,
                    std::vector<v1::GatewayMessage>* out);

  const Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows; never held while a function is sampled
  std::condition_variable wake_;
  DemandSchedule schedule_;
  std::unordered_map<uint32_t, std::weak_ptr<route::FunctionState>> states_;
  std::deque<Failure> failures_;
  uint64_t failures_dropped_ = 0;
  std::optional<Position> ack_;
  uint64_t session_ = 0;  // 0: none
  uint64_t sessions_ = 0;
};

}  // namespace hearth::fleet
