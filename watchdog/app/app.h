#pragma once

#include <memory>
#include <string>

#include "core/net/loop.h"
#include "watchdog/app/announcer.h"
#include "watchdog/app/control.h"
#include "watchdog/app/relay.h"
#include "watchdog/app/status.h"
#include "watchdog/config/config.h"
#include "watchdog/front/front.h"
#include "watchdog/front/mode.h"
#include "watchdog/logs/output_reader.h"

namespace hearth::watchdog {

// The whole watchdog but its process: listens, brings the function up in its mode, tells those who
// ask, and leaves in order. Tests construct it with a loop in memory and a launcher without
// processes. Belongs to the loop's thread; owned by main.
class App final : public ModeHost, public ControlTarget {
 public:
  // `environment`: the watchdog's own, from which the function's is made. `on_done`: everything is
  // over; the exit code.
  App(net::Loop& loop, Launcher& launcher, LogSink& sink, Config config, Environment environment,
      std::function<void(int)> on_done);
  ~App() override;

  absl::Status Start();
  // SIGTERM: finish what is inside, go on accepting, and leave when nothing has come for a while.
  void Terminate();

  net::Address address() const { return front_.address(); }
  const Front& front() const { return front_; }

  std::string StatusLine() const override;
  std::string MetricsText() const override;
  void LeaveWhenEmpty() override;

  void OnFunctionReady() override;
  void OnFunctionUnready() override;
  void OnFunctionStartFailed(std::string_view reason) override;
  void OnFunctionExit(const ExitInfo& exit) override;
  void OnFunctionFailed(std::string_view reason) override;

 private:
  absl::Status MakeMode();
  LaunchSpec MakeLaunchSpec() const;
  void Changed();
  void ConsiderLeaving();
  void Leave();
  std::string_view StateName() const;

  net::Loop& loop_;
  Launcher& launcher_;
  LogSink& sink_;
  Config config_;
  Environment environment_;
  std::function<void(int)> on_done_;

  FunctionLog log_;
  std::unique_ptr<Mode> mode_;
  Front front_;  // after mode_: calls end before what handles them
  std::unique_ptr<Control> control_;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<GatewayRelay> relay_;
  net::Timer leave_timer_;

  MonotonicTime started_at_{};
  MonotonicTime draining_since_{};
  std::optional<int64_t> init_ms_;
  std::string failure_;
  std::string last_exit_reason_;
  WallTime last_exit_time_{};
  uint64_t restarts_ = 0;
  bool out_of_routes_ = false;
  bool leaving_ = false;
};

}  // namespace hearth::watchdog
