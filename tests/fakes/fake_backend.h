#pragma once

#include <absl/status/status.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "controller/backend/backend.h"

namespace hearth::fakes {

// A Backend without processes: what it is asked for is recorded, what happens is what the test
// says. Events are sent from the calling test, never from inside Create, Drain or Kill.
class FakeBackend final : public controller::Backend {
 public:
  uint32_t parallelism = 4;
  absl::Status check;                   // answer of Check
  std::vector<model::Replica> running;  // found by Start, as after a restart of the controller

  absl::Status Start(EventSink sink) override;
  void Create(controller::ReplicaRequest request) override;
  void Drain(const ReplicaId& id, Duration grace) override;
  void Kill(const ReplicaId& id) override;
  absl::Status Check(const FunctionKey& key, const model::FunctionSpec& spec) override;
  uint32_t start_parallelism() const override { return parallelism; }

  // Replicas in the given state, oldest first.
  std::vector<ReplicaId> In(model::ReplicaState state) const;
  const controller::ReplicaRequest& RequestOf(const ReplicaId& id) const;
  std::vector<ReplicaId> drained() const;

  void BecomeReady(const ReplicaId& id);
  void AllReady();  // everything that is starting
  void Fail(const ReplicaId& id, std::string reason, std::vector<std::string> last_output = {});
  // What was drained or killed is gone now.
  void Settle();

 private:
  struct Entry {
    controller::ReplicaRequest request;
    model::Replica replica;
    int order = 0;
  };
  void Send(const ReplicaId& id, std::vector<std::string> output = {});

  mutable std::mutex mutex_;
  EventSink sink_;
  std::map<ReplicaId, Entry> replicas_;
  std::vector<ReplicaId> drained_;
  std::vector<ReplicaId> leaving_;
  int next_ = 0;
};

}  // namespace hearth::fakes
