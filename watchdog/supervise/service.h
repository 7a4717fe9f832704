#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/net/loop.h"
#include "watchdog/logs/output_reader.h"
#include "watchdog/supervise/process.h"

namespace hearth::watchdog {

// Pure: how long to wait before the `n`th start in a row that led to nothing: 0, 1, 2, 4 … 30 s.
Duration RestartDelay(uint32_t n);

class ServiceObserver {
 public:
  virtual ~ServiceObserver() = default;
  virtual void OnServiceStarted() = 0;
  // It ended, or was never ready in time and is killed. Where it was ready once, it will be started
  // again; else `OnServiceFailed` follows.
  virtual void OnServiceExit(const ExitInfo& exit) = 0;
  virtual void OnServiceFailed(std::string_view reason) = 0;
};

// The function's long-lived process, of the native and the http mode: starts it, feeds its output
// to the log, gives it its time to become ready, starts it again with a back-off after a crash, and
// ends it. Belongs to the loop's thread; owned by the mode.
class Service final : public ProcessObserver {
 public:
  Service(net::Loop& loop, Launcher& launcher, FunctionLog& log, LaunchSpec spec,
          Duration init_timeout, ServiceObserver& observer);
  ~Service() override;

  void Start();
  void MarkReady();
  // What it is not ready for, to be told when its time is over: "nothing listens on …".
  void SetMissing(std::string_view what) { missing_ = what; }
  // It has done something useful since its start: the next crash is not part of a loop of them.
  void MarkUseful() { failures_ = 0; }
  bool running() const { return process_ != nullptr; }
  bool ever_ready() const { return ever_ready_; }
  // Kills the process and all it started; it is started again at once.
  void Replace();
  // Kills it for good: it has said itself that it cannot start.
  void Fail(std::string_view reason);
  // SIGTERM, after kStopGrace SIGKILL; then `done`, also where nothing runs.
  void Stop(std::function<void()> done);

  static constexpr Duration kStopGrace = std::chrono::seconds(5);

  void OnExit(const ExitInfo& exit) override;

 private:
  void Launch();
  void OnInitTimeout();
  void Forget();

  net::Loop& loop_;
  Launcher& launcher_;
  FunctionLog& log_;
  LaunchSpec spec_;
  Duration init_timeout_;
  ServiceObserver& observer_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<OutputReader> stdout_;
  std::unique_ptr<OutputReader> stderr_;
  net::Timer init_timer_;
  net::Timer restart_timer_;
  net::Timer kill_timer_;
  std::function<void()> on_stopped_;
  std::string missing_;
  std::string failure_;  // set before the process is killed for it
  uint32_t failures_ = 0;
  bool ever_ready_ = false;
  bool replacing_ = false;
  bool failed_ = false;
};

}  // namespace hearth::watchdog
