#include "tests/fakes/fake_backend.h"

#include <algorithm>

namespace hearth::fakes {

using model::ReplicaState;

absl::Status FakeBackend::Start(EventSink sink) {
  sink_ = std::move(sink);
  for (const auto& replica : running) {
    replicas_[replica.id] = {
        {replica.id, replica.function, replica.revision, {}}, replica, next_++};
    Send(replica.id);
  }
  return absl::OkStatus();
}

void FakeBackend::Create(controller::ReplicaRequest request) {
  const std::lock_guard lock(mutex_);
  model::Replica r;
  r.id = request.id;
  r.function = request.function;
  r.revision = request.revision;
  r.state = ReplicaState::kStarting;
  const ReplicaId id = r.id;
  replicas_[id] = {std::move(request), std::move(r), next_++};
}

void FakeBackend::Drain(const ReplicaId& id, Duration) {
  const std::lock_guard lock(mutex_);
  drained_.push_back(id);
  leaving_.push_back(id);
  if (const auto it = replicas_.find(id); it != replicas_.end()) {
    it->second.replica.state = ReplicaState::kDraining;
  }
}

void FakeBackend::Kill(const ReplicaId& id) {
  const std::lock_guard lock(mutex_);
  leaving_.push_back(id);
}

absl::Status FakeBackend::Check(const FunctionKey&, const model::FunctionSpec&) { return check; }

std::vector<ReplicaId> FakeBackend::In(ReplicaState state) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<int, ReplicaId>> found;
  for (const auto& [id, entry] : replicas_) {
    if (entry.replica.state == state) found.emplace_back(entry.order, id);
  }
  std::sort(found.begin(), found.end());
  std::vector<ReplicaId> ids;
  for (const auto& [order, id] : found) ids.push_back(id);
  return ids;
}

const controller::ReplicaRequest& FakeBackend::RequestOf(const ReplicaId& id) const {
  return replicas_.at(id).request;
}

std::vector<ReplicaId> FakeBackend::drained() const {
  const std::lock_guard lock(mutex_);
  return drained_;
}

void FakeBackend::BecomeReady(const ReplicaId& id) {
  {
    const std::lock_guard lock(mutex_);
    model::Replica& r = replicas_.at(id).replica;
    r.state = ReplicaState::kReady;
    r.address = "unix:/run/" + id.value();
    r.capacity = 1;
  }
  Send(id);
}

void FakeBackend::AllReady() {
  for (const auto& id : In(ReplicaState::kStarting)) BecomeReady(id);
}

void FakeBackend::Fail(const ReplicaId& id, std::string reason,
                       std::vector<std::string> last_output) {
  {
    const std::lock_guard lock(mutex_);
    model::Replica& r = replicas_.at(id).replica;
    r.state = ReplicaState::kFailed;
    r.reason = std::move(reason);
  }
  Send(id, std::move(last_output));
}

void FakeBackend::Settle() {
  std::vector<ReplicaId> gone;
  {
    const std::lock_guard lock(mutex_);
    gone.swap(leaving_);
  }
  for (const auto& id : gone) {
    {
      const std::lock_guard lock(mutex_);
      const auto it = replicas_.find(id);
      if (it == replicas_.end()) continue;
      it->second.replica.state = ReplicaState::kGone;
    }
    Send(id);
    const std::lock_guard lock(mutex_);
    replicas_.erase(id);
  }
}

void FakeBackend::Send(const ReplicaId& id, std::vector<std::string> output) {
  controller::ReplicaEvent event;
  event.replica = replicas_.at(id).replica;
  event.last_output = std::move(output);
  if (event.replica.state == ReplicaState::kReady) {
    event.create_time = event.boot_time = event.init_time = std::chrono::milliseconds(5);
  }
  sink_(std::move(event));
}

}  // namespace hearth::fakes
