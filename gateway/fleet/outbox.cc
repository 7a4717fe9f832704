#include "gateway/fleet/outbox.h"

#include <algorithm>

#include "core/base/duration.h"
#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

// A replica is named once until it is sent; more than this many different ones: the oldest goes.
constexpr size_t kMaxFailures = 256;
// Functions in one message: keeps a full report of ten thousand in pieces of a megabyte.
constexpr int kMaxPerReport = 4000;

DemandSchedule::Urgency UrgencyOf(route::DemandUrgency urgency) {
  return urgency == route::DemandUrgency::kNow ? DemandSchedule::Urgency::kNow
                                               : DemandSchedule::Urgency::kRoutine;
}

void ToProto(const route::DemandSample& sample, v1::Demand* out) {
  out->set_namespace_(sample.key.ns);
  out->set_name(sample.key.name);
  out->set_queued(sample.queued);
  out->set_oldest_queued_ms(static_cast<uint32_t>(ToMillis(sample.oldest_queued)));
  out->set_in_flight(sample.in_flight);
  out->set_service_time_ms(sample.service_time_ms);
  out->set_completed_total(sample.completed);
  out->set_last_activity_ms_ago(static_cast<uint64_t>(ToMillis(sample.since_activity)));
  for (const auto& [replica, in_flight] : sample.replicas) {
    v1::ReplicaLoad* load = out->add_replicas();
    load->set_replica_id(replica.value());
    load->set_in_flight(in_flight);
  }
}

// A sample may be taken between a request's arrival and its claim of a slot: what was busy a moment
// ago is looked at again.
bool IsActive(const route::DemandSample& sample) {
  return sample.queued > 0 || sample.in_flight > 0 ||
         sample.since_activity < std::chrono::seconds(2);
}

bool HasActivity(const route::DemandSample& sample) {
  return sample.queued > 0 || sample.in_flight > 0 || sample.completed > 0;
}

}  // namespace

Outbox::Outbox(const Clock& clock, const DemandSchedule::Intervals& intervals)
    : clock_(clock), schedule_(intervals) {}
Outbox::~Outbox() = default;

void Outbox::OnDemand(const std::shared_ptr<route::FunctionState>& state,
                      route::DemandUrgency urgency) {
  const MonotonicTime now = clock_.Now();
  std::lock_guard lock(mutex_);
  const std::optional<MonotonicTime> before = schedule_.Due();
  states_[state->index()] = state;
  schedule_.OnChange(state->index(), UrgencyOf(urgency), now);
  const std::optional<MonotonicTime> after = schedule_.Due();
  if (after && (!before || *after < *before)) wake_.notify_all();
}

void Outbox::OnReplicaFailure(const FunctionKey& function, const ReplicaId& replica,
                              std::string_view reason) {
  std::lock_guard lock(mutex_);
  const bool known = std::any_of(failures_.begin(), failures_.end(),
                                 [&](const Failure& f) { return f.replica == replica; });
  if (known) return;
  if (failures_.size() == kMaxFailures) {
    failures_.pop_front();
    ++failures_dropped_;
  }
  failures_.push_back({function, replica, std::string(reason)});
  wake_.notify_all();
}

uint64_t Outbox::Open() {
  std::lock_guard lock(mutex_);
  session_ = ++sessions_;
  ack_.reset();
  schedule_.OnConnected();
  wake_.notify_all();
  return session_;
}

void Outbox::Close(uint64_t session) {
  std::lock_guard lock(mutex_);
  if (session_ != session) return;
  session_ = 0;
  ack_.reset();
  schedule_.OnDisconnected();
  wake_.notify_all();
}

void Outbox::Ack(uint64_t session, uint64_t epoch, uint64_t sequence) {
  std::lock_guard lock(mutex_);
  if (session_ != session) return;
  const bool newer =
      !ack_ || epoch > ack_->epoch || (epoch == ack_->epoch && sequence > ack_->sequence);
  if (!newer) return;
  ack_ = Position{epoch, sequence};
  wake_.notify_all();
}

uint64_t Outbox::failures_dropped() const {
  std::lock_guard lock(mutex_);
  return failures_dropped_;
}

std::vector<v1::GatewayMessage> Outbox::Next(uint64_t session, const States& all) {
  std::vector<v1::GatewayMessage> messages;
  while (messages.empty()) {  // a batch of functions that have been deleted gives nothing to send
    std::optional<DemandSchedule::Batch> batch;
    MonotonicTime now{};
    {
      std::unique_lock lock(mutex_);
      for (;;) {
        if (session_ != session) return {};
        now = clock_.Now();
        batch = schedule_.Take(now);
        if (batch || HasMessages()) break;
        if (const std::optional<MonotonicTime> due = schedule_.Due()) {
          wake_.wait_for(lock, *due - now);
        } else {
          wake_.wait(lock);
        }
      }
      TakeMessages(&messages);
    }
    if (batch) AppendDemand(*batch, all, now, &messages);
  }
  return messages;
}

void Outbox::TakeMessages(std::vector<v1::GatewayMessage>* out) {
  if (ack_) {
    v1::Ack* ack = out->emplace_back().mutable_ack();
    ack->set_epoch(ack_->epoch);
    ack->set_sequence(ack_->sequence);
    ack_.reset();
  }
  for (const Failure& failure : failures_) {
    v1::ReplicaFailure* message = out->emplace_back().mutable_replica_failure();
    message->set_namespace_(failure.function.ns);
    message->set_name(failure.function.name);
    message->set_replica_id(failure.replica.value());
    message->set_reason(failure.reason);
  }
  failures_.clear();
}

void Outbox::AppendDemand(const DemandSchedule::Batch& batch, const States& all, MonotonicTime now,
                          std::vector<v1::GatewayMessage>* out) {
  std::vector<std::shared_ptr<route::FunctionState>> states;
  if (batch.full) {
    states = all();
  } else {
    std::lock_guard lock(mutex_);
    for (const uint32_t index : batch.functions) {
      const auto it = states_.find(index);
      std::shared_ptr<route::FunctionState> state =
          it == states_.end() ? nullptr : it->second.lock();
      if (state == nullptr) {
        schedule_.Forget(index);
        if (it != states_.end()) states_.erase(it);
        continue;
      }
      states.push_back(std::move(state));
    }
  }

  v1::DemandReport* report = nullptr;
  std::vector<std::pair<std::shared_ptr<route::FunctionState>, route::DemandSample>> samples;
  for (std::shared_ptr<route::FunctionState>& state : states) {
    route::DemandSample sample = state->Sample(now);
    if (batch.full && !HasActivity(sample)) continue;
    if (report == nullptr || report->functions_size() == kMaxPerReport) {
      const bool first = report == nullptr;
      report = out->emplace_back().mutable_demand();
      report->set_full(batch.full && first);
    }
    ToProto(sample, report->add_functions());
    samples.emplace_back(std::move(state), std::move(sample));
  }
  if (batch.full && report == nullptr) out->emplace_back().mutable_demand()->set_full(true);

  std::lock_guard lock(mutex_);
  for (const auto& [state, sample] : samples) {
    const uint32_t index = state->index();
    const bool active = IsActive(sample);
    schedule_.OnReported(index, sample.queued > 0, active);
    if (active) states_[index] = state;
  }
}

}  // namespace hearth::fleet
