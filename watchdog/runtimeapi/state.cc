#include "watchdog/runtimeapi/state.h"

#include <algorithm>

namespace hearth::watchdog {

ApiError InvalidTransition(std::string_view from, std::string_view to) {
  return {403, "InvalidStateTransition",
          "State transition from " + std::string(from) + " to " + std::string(to) +
              " failed for runtime. Error: State transition is not allowed"};
}

std::string_view RuntimeState::NameOf(Step step) {
  switch (step) {
    case Step::kRunning:
      return "Running";
    case Step::kResponding:
      return "InvocationResponse";
    case Step::kFailing:
      return "InvocationErrorResponse";
  }
  return "";
}

void RuntimeState::ProcessStarted() {
  phase_ = Phase::kStarted;
  parked_.clear();
  answered_.clear();
}

std::vector<std::string> RuntimeState::ProcessEnded() {
  std::vector<std::string> inside;
  for (const auto& [id, step] : running_) inside.push_back(id);
  running_.clear();
  parked_.clear();
  phase_ = Phase::kNone;
  return inside;
}

RuntimeState::Next RuntimeState::OnNext(PollerId poller) {
  Next answer;
  if (phase_ == Phase::kNone || phase_ == Phase::kInitFailed) {
    answer.kind = Next::Kind::kRefuse;
    answer.error = InvalidTransition(phase_ == Phase::kNone ? "Exited" : "InitError", "Ready");
    return answer;
  }
  answer.became_ready = phase_ == Phase::kStarted;
  phase_ = Phase::kServing;
  if (parallel_ <= 1 && !running_.empty()) {
    const auto& [id, step] = *running_.begin();
    if (step == Step::kRunning) {
      answer.kind = Next::Kind::kDeliver;
      answer.id = id;
    } else {
      answer.kind = Next::Kind::kRefuse;
      answer.error = InvalidTransition(NameOf(step), "Ready");
    }
    return answer;
  }
  if (queue_.empty()) {
    parked_.push_back(poller);
    return answer;
  }
  answer.kind = Next::Kind::kDeliver;
  answer.id = std::move(queue_.front());
  queue_.pop_front();
  running_.emplace(answer.id, Step::kRunning);
  return answer;
}

void RuntimeState::OnPollerGone(PollerId poller) { std::erase(parked_, poller); }

std::optional<RuntimeState::PollerId> RuntimeState::Offer(std::string id) {
  if (parked_.empty()) {
    queue_.push_back(std::move(id));
    return std::nullopt;
  }
  const PollerId poller = parked_.front();
  parked_.pop_front();
  running_.emplace(std::move(id), Step::kRunning);
  return poller;
}

bool RuntimeState::Withdraw(std::string_view id) { return std::erase(queue_, id) > 0; }

std::vector<std::string> RuntimeState::TakeQueued() {
  std::vector<std::string> out(queue_.begin(), queue_.end());
  queue_.clear();
  return out;
}

std::optional<ApiError> RuntimeState::Begin(std::string_view id, Step step) {
  const auto it = running_.find(id);
  if (it != running_.end()) {
    if (it->second != Step::kRunning) return InvalidTransition(NameOf(it->second), NameOf(step));
    it->second = step;
    return std::nullopt;
  }
  if (std::find(answered_.begin(), answered_.end(), id) != answered_.end()) {
    return InvalidTransition("RuntimeResponseSentState", NameOf(step));
  }
  return ApiError{400, "InvalidRequestID", "Invalid request ID"};
}

std::optional<ApiError> RuntimeState::OnResponse(std::string_view id) {
  return Begin(id, Step::kResponding);
}

std::optional<ApiError> RuntimeState::OnError(std::string_view id) {
  return Begin(id, Step::kFailing);
}

void RuntimeState::Finished(std::string_view id) {
  const auto it = running_.find(id);
  if (it == running_.end()) return;
  answered_.push_back(it->first);
  if (answered_.size() > std::max<size_t>(parallel_, 1) * 2) answered_.pop_front();
  running_.erase(it);
}

std::optional<ApiError> RuntimeState::OnInitError() {
  if (phase_ != Phase::kStarted) {
    return InvalidTransition(phase_ == Phase::kServing ? "Ready" : "InitError", "InitError");
  }
  phase_ = Phase::kInitFailed;
  return std::nullopt;
}

}  // namespace hearth::watchdog
