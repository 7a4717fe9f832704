#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "bench/load/histogram.h"
#include "bench/load/options.h"
#include "core/base/clock.h"

namespace hearth::load {

// Why a request has no whole, valid answer.
enum class Failure : uint8_t {
  kNone,
  kConnect,
  kReset,       // or closed before the answer was whole
  kProtocol,    // not HTTP, not the WebSocket handshake, not our message
  kWrongSize,   // a 2xx answer that --expect-size does not allow
  kTimeout,     // --timeout
  kUnfinished,  // due before the end, not answered when the grace was over
};
inline constexpr size_t kFailures = 7;

// One request: when it was due, which is what its latency counts from, and what became of it.
struct Call {
  MonotonicTime due;
  size_t target = 0;
};
struct Outcome {
  Failure failure = Failure::kNone;
  int status = 0;  // 0: none came
};

// Counts what happens inside the measured window. Requests count by their due time, so that those
// of the warm-up which end late do not; CPU time and bytes count by when they happen. One thread.
class Recorder {
 public:
  explicit Recorder(const Plan& plan);

  void Begin(MonotonicTime start);  // of the window
  void End(MonotonicTime end);
  void Record(const Call& call, const Outcome& outcome, MonotonicTime now);
  void RecordEvent(int64_t delay_ns);
  void Received(size_t bytes) { received_ += bytes; }
  void Sent(size_t bytes) { sent_ += bytes; }
  void Opened() { ++opened_; }
  void Handshakes(uint64_t made, uint64_t resumed) {
    handshakes_ = made;
    resumed_ = resumed;
  }

  // Writes --log; false where the file cannot be written.
  bool WriteLog() const;
  std::string Json() const;  // one line

 private:
  struct Line {
    int64_t due_ns;
    uint32_t target;
    int32_t status;  // negative: a Failure
    int64_t latency_ns;
  };
  bool open() const { return begun_ && !ended_; }

  const Plan& plan_;
  MonotonicTime start_;
  MonotonicTime end_;
  bool begun_ = false;
  bool ended_ = false;
  uint64_t cpu_at_start_ = 0;
  uint64_t cpu_ns_ = 0;
  uint64_t own_cpu_at_start_ = 0;
  uint64_t own_cpu_ns_ = 0;
  uint64_t received_ = 0, received_at_start_ = 0, received_in_window_ = 0;
  uint64_t sent_ = 0, sent_at_start_ = 0, sent_in_window_ = 0;
  uint64_t opened_ = 0;
  uint64_t handshakes_ = 0, resumed_ = 0;
  uint64_t finished_in_window_ = 0;  // by when they ended: what the CPU time was spent on
  uint64_t good_in_window_ = 0;      // of these, whole 2xx answers
  uint64_t requests_ = 0;
  std::map<int, uint64_t> statuses_;
  std::array<uint64_t, kFailures> failures_{};
  Histogram all_, good_, refused_, events_;
  std::vector<Histogram> by_target_;
  std::vector<Line> lines_;
};

}  // namespace hearth::load
