#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "watchdog/front/call.h"
#include "watchdog/supervise/process.h"

namespace hearth::watchdog {

// What a mode tells the application about the function.
class ModeHost {
 public:
  virtual ~ModeHost() = default;
  virtual void OnFunctionReady() = 0;
  // It was ready, and is not until the next OnFunctionReady: requests wait. May come twice.
  virtual void OnFunctionUnready() = 0;
  // It was ready once, but its new process ended before it was: requests that wait are told.
  virtual void OnFunctionStartFailed(std::string_view reason) = 0;
  // A process of it ended. Where OnFunctionUnready came before, a new one is on the way.
  virtual void OnFunctionExit(const ExitInfo& exit) = 0;
  // Ended before it was ever ready: final. `reason` as the status document has it.
  virtual void OnFunctionFailed(std::string_view reason) = 0;
};

// One way of handing requests to the function. Belongs to the loop's thread; owned by the App.
class Mode {
 public:
  virtual ~Mode() = default;
  // Brings the function up and reports to the host, now or later.
  virtual void Start() = 0;
  // A call whose slot is taken, while the function is ready. The mode gives it a handler
  // (Call::Start) and answers it, at once or later.
  virtual void Handle(Call& call) = 0;
  // No call is inside any more: ends the function (SIGTERM, then SIGKILL) and calls `done`.
  virtual void Stop(std::function<void()> done) = 0;
};

}  // namespace hearth::watchdog
