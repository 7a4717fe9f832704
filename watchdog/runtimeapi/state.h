#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::watchdog {

// An answer of the Runtime API to a request that is out of turn: {"errorMessage","errorType"}.
struct ApiError {
  int status = 0;
  std::string type;
  std::string message;
  bool operator==(const ApiError&) const = default;
};

// What a runtime and the invocations given to it are doing. It holds no I/O: the API server tells
// it who asks, the native mode what is to be done, and it answers who gets what. With `parallel` 1
// it is AWS's classic runtime, which repeats an invocation that is asked for again; above, each
// request for the next is one more worker (AWS_LAMBDA_MAX_CONCURRENCY). Owned by the native mode.
class RuntimeState {
 public:
  using PollerId = uint64_t;
  explicit RuntimeState(uint32_t parallel) : parallel_(parallel) {}

  void ProcessStarted();
  // The process ended: the ids that were inside it. Those still queued stay for the next process.
  std::vector<std::string> ProcessEnded();
  bool ready() const { return phase_ == Phase::kServing; }

  struct Next {
    enum class Kind : uint8_t { kDeliver, kPark, kRefuse };
    Kind kind = Kind::kPark;
    std::string id;             // kDeliver
    ApiError error;             // kRefuse
    bool became_ready = false;  // the first one of this process: initialisation is over
  };
  Next OnNext(PollerId poller);
  void OnPollerGone(PollerId poller);

  // A new invocation: the poller that gets it now, or nullopt where it is queued.
  std::optional<PollerId> Offer(std::string id);
  // Takes back what no runtime has seen yet; false where one has.
  bool Withdraw(std::string_view id);

  // A response or an error begins; nullopt: go on.
  std::optional<ApiError> OnResponse(std::string_view id);
  std::optional<ApiError> OnError(std::string_view id);
  void Finished(std::string_view id);  // it is whole
  std::optional<ApiError> OnInitError();

  // Gives up what no runtime has seen.
  std::vector<std::string> TakeQueued();

  size_t queued() const { return queue_.size(); }
  size_t running() const { return running_.size(); }

 private:
  enum class Phase : uint8_t { kNone, kStarted, kServing, kInitFailed };
  enum class Step : uint8_t { kRunning, kResponding, kFailing };
  std::optional<ApiError> Begin(std::string_view id, Step step);
  static std::string_view NameOf(Step step);

  uint32_t parallel_;
  Phase phase_ = Phase::kNone;
  std::map<std::string, Step, std::less<>> running_;
  std::deque<std::string> queue_;
  std::deque<PollerId> parked_;
  std::deque<std::string> answered_;  // the last ones, to tell "twice" from "never"
};

ApiError InvalidTransition(std::string_view from, std::string_view to);

}  // namespace hearth::watchdog
