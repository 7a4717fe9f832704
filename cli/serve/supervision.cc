#include "cli/serve/supervision.h"

#include <sys/wait.h>

#include <algorithm>

#include "core/base/strings.h"

namespace hearth::cli {

ChildSupervision::Action ChildSupervision::Begin() {
  state_ = State::kStarting;
  return Action::kStart;
}

void ChildSupervision::OnReady(MonotonicTime now) {
  if (state_ != State::kStarting) return;
  state_ = State::kRunning;
  was_ready_ = true;
  ready_since_ = now;
}

ChildSupervision::Action ChildSupervision::OnExit(MonotonicTime now) {
  if (state_ == State::kStopping || state_ == State::kStopped) {
    state_ = State::kStopped;
    return Action::kNone;
  }
  if (!was_ready_) {
    state_ = State::kGivenUp;
    return Action::kGiveUp;
  }
  const bool proven = state_ == State::kRunning && now - ready_since_ >= policy_.proven_after;
  pause_ = proven || pause_ == Duration{} ? policy_.first_pause
                                          : std::min(pause_ * 2, policy_.longest_pause);
  start_at_ = now + pause_;
  state_ = State::kPausing;
  return Action::kNone;
}

void ChildSupervision::OnReplaced(MonotonicTime now) {
  if (state_ == State::kStopping) return;
  state_ = State::kStarting;
  OnReady(now);
}

ChildSupervision::Action ChildSupervision::OnTime(MonotonicTime now) {
  if (state_ != State::kPausing || now < start_at_) return Action::kNone;
  state_ = State::kStarting;
  return Action::kStart;
}

void ChildSupervision::OnStopRequested() {
  if (state_ == State::kStarting || state_ == State::kRunning) state_ = State::kStopping;
  if (state_ == State::kPausing) state_ = State::kStopped;
}

std::optional<MonotonicTime> ChildSupervision::deadline() const {
  if (state_ != State::kPausing) return std::nullopt;
  return start_at_;
}

std::string ExitText(int wait_status) {
  if (WIFSIGNALED(wait_status)) return Cat("killed by signal ", WTERMSIG(wait_status));
  return Cat("exit status ", WEXITSTATUS(wait_status));
}

}  // namespace hearth::cli
