#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/function.h"
#include "core/model/replica.h"

namespace hearth::controller {

// What a backend needs to know to make one replica. Everything inside it follows from these values.
struct ReplicaRequest {
  ReplicaId id;
  FunctionKey function;
  RevisionId revision;
  model::FunctionSpec spec;
};

// The state of one replica as the backend sees it now; level-triggered, so a repeated one is harmless.
struct ReplicaEvent {
  model::Replica replica;                // kStarting, kReady, kFailed or kGone
  std::vector<std::string> last_output;  // of kFailed: the function's last lines
  Duration create_time{};                // of the first kReady: decided → process started
  Duration boot_time{};                  //   process started → the watchdog's first instruction's report
  Duration init_time{};                  //   start of the function → it answered
};

// Turns replicas into something that runs: sandboxed processes here, pods in a cluster. It decides
// nothing: Plan does. Methods are thread-safe, return at once, and report by events, which come on
// the backend's own thread, in order for one replica.
class Backend {
 public:
  using EventSink = std::function<void(ReplicaEvent)>;

  virtual ~Backend() = default;  // leaves replicas running: another controller may adopt them

  // Finds what already runs and reports it before it returns; from then on reports changes. Fails
  // with a remedy where replicas cannot be run safely on this machine (no sandbox).
  virtual absl::Status Start(EventSink sink) = 0;

  virtual void Create(ReplicaRequest request) = 0;
  // Every gateway has let go of it: it finishes what is inside, at most `grace`, then is gone.
  virtual void Drain(const ReplicaId& id, Duration grace) = 0;
  virtual void Kill(const ReplicaId& id) = 0;

  // What cannot be judged by the spec alone: the runtime exists and fits, the bundle is there, the
  // image can be read, limits are below the machine's. InvalidArgument/NotFound with the field.
  virtual absl::Status Check(const FunctionKey& key, const model::FunctionSpec& spec) = 0;

  // How many replicas may be starting at once, from the machine's CPUs.
  virtual uint32_t start_parallelism() const = 0;
};

}  // namespace hearth::controller
