#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/arrivals.h"
#include "bench/load/connection.h"
#include "bench/load/options.h"
#include "bench/load/recorder.h"
#include "core/base/unique_fd.h"
#include "core/net/epoll_loop.h"

namespace hearth::load {

class TlsClient;

// One measurement: warm-up, window, grace. In the closed loop each connection sends its next
// request when it has its answer. In the open loop requests are due by Arrivals; one that finds no
// idle connection waits here, and its latency counts from when it was due. One thread, which is
// the loop's.
class Run final : public Host, private net::EpollLoop::Source {
 public:
  Run(const Plan& plan, const Clock& clock);
  ~Run() override;

  // Until everything is over; then recorder() holds the result.
  absl::Status Execute();

  net::Loop& loop() override { return loop_; }
  const Clock& clock() const override { return clock_; }
  const Plan& plan() const override { return plan_; }
  Recorder& recorder() override { return recorder_; }
  std::span<char> scratch() override { return scratch_; }
  std::string_view body_block() const override { return body_block_; }
  std::unique_ptr<net::Stream> Secure(std::unique_ptr<net::Stream> stream) override;
  void Finished(Connection& connection, const Call& call, const Outcome& outcome) override;

 private:
  enum class Phase : uint8_t { kWaiting, kWarmup, kWindow, kGrace };

  bool open_loop() const { return plan_.options.rate > 0; }
  void StepPhase();
  void BeginWindow(MonotonicTime start);
  void BeginLoad();
  void OnEvents(uint32_t events) override;  // the schedule's timer
  void StartDue();
  void ArmSchedule();
  void Sweep();
  void StartNext(Connection& connection);
  void EndIfQuiet();
  void GiveUpRest();

  const Plan& plan_;
  const Clock& clock_;
  net::EpollLoop loop_;
  Recorder recorder_;
  std::string scratch_;
  std::string body_block_;
  std::unique_ptr<TlsClient> tls_;
  std::unique_ptr<Arrivals> arrivals_;
  Phase phase_ = Phase::kWaiting;
  UniqueFd schedule_;  // timerfd: the loop's own timers are too coarse for arrivals
  net::Timer phase_timer_;
  net::Timer sweep_timer_;
  MonotonicTime begin_;       // of the load
  std::deque<Call> backlog_;  // due, without an idle connection
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;  // of the open loop; the last one used is used next
  std::vector<std::unique_ptr<net::Timer>> retries_;  // of the closed loop, after a failed connect
  size_t busy_ = 0;
};

}  // namespace hearth::load
