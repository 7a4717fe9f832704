#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.h"

namespace hearth::cli {

struct RestartPolicy {
  Duration first_pause = std::chrono::milliseconds(100);
  Duration longest_pause = std::chrono::seconds(10);
  // Ran so long after it was ready: the pauses begin anew.
  Duration proven_after = std::chrono::seconds(30);
};

// What to do with one child process, decided from its exits alone. Pure: it starts nothing and
// knows no clock, so that every order of events can be tested.
//
//   stopped → starting → running → pausing → starting …          Stop: → stopping → stopped
//
// A child that ends before it was ever ready makes serve give up: its configuration is wrong, and
// it has said why. Later it is started again, with pauses that double.
class ChildSupervision {
 public:
  enum class State : uint8_t { kStopped, kStarting, kRunning, kPausing, kStopping, kGivenUp };
  enum class Action : uint8_t { kNone, kStart, kGiveUp };

  explicit ChildSupervision(RestartPolicy policy = {}) : policy_(policy) {}

  Action Begin();
  void OnReady(MonotonicTime now);
  Action OnExit(MonotonicTime now);
  // Another process has taken the child's place, and is ready.
  void OnReplaced(MonotonicTime now);
  Action OnTime(MonotonicTime now);
  void OnStopRequested();

  State state() const { return state_; }
  bool ended() const { return state_ == State::kStopped || state_ == State::kGivenUp; }
  bool ready() const { return state_ == State::kRunning; }
  std::optional<MonotonicTime> deadline() const;  // when OnTime wants to be called
  Duration pause() const { return pause_; }

 private:
  RestartPolicy policy_;
  State state_ = State::kStopped;
  bool was_ready_ = false;
  Duration pause_{};
  MonotonicTime ready_since_{};
  MonotonicTime start_at_{};
};

// "exit status 3", "killed by signal 9": from waitpid's status.
std::string ExitText(int wait_status);

}  // namespace hearth::cli
