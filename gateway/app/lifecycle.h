#pragma once

#include <absl/status/status.h>
#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/log/log.h"
#include "gateway/app/app.h"

namespace hearth::gateway {

// What the process does on signals, from its start to its end: SIGTERM and Ctrl-C end it (a second
// one at once), SIGHUP has certificates and credentials read again, SIGUSR2 starts the program that
// is on disk now with the same arguments, which takes over. Main's thread; owned by main.
class Lifecycle {
 public:
  // Before any thread is started: they inherit the blocked signals.
  explicit Lifecycle(const log::Logger& logger);

  // Before App::Start.
  void Watch(App& app);
  // Until the gateway has nothing left to do.
  void Run(App& app, bool can_hand_over);

 private:
  void OnSignals(App& app, bool can_hand_over);
  void OnHandedOver(App& app);
  void StartSuccessor();
  void Reap();
  absl::Status Spawn();

  const log::Logger logger_;
  std::vector<std::string> argv_;  // with a program that can be started from anywhere
  UniqueFd signals_;
  UniqueFd handed_over_;
  pid_t successor_ = -1;
  int stop_signals_ = 0;
  bool left_ = false;
};

}  // namespace hearth::gateway
