#pragma once

#include <memory>
#include <string>

#include "watchdog/config/config.h"
#include "watchdog/front/mode.h"
#include "watchdog/logs/output_reader.h"
#include "watchdog/supervise/process.h"

namespace hearth::watchdog {

// streaming and serializing modes: a process per request, body on its standard input, answer from
// its standard output; streamed while it runs, or sent once it has ended well. Belongs to the
// loop's thread; owned by the App.
class ProcessMode final : public Mode {
 public:
  ProcessMode(Launcher& launcher, FunctionLog& log, ModeHost& host, const Config& config,
              LaunchSpec spec);
  ~ProcessMode() override;

  void Start() override;
  void Handle(Call& call) override;
  void Stop(std::function<void()> done) override { done(); }

 private:
  class ProcessCall;
  friend class ProcessCall;

  Launcher& launcher_;
  FunctionLog& log_;
  ModeHost& host_;
  const Config& config_;
  LaunchSpec spec_;
};

}  // namespace hearth::watchdog
