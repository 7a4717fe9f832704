#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/stream.h"
#include "watchdog/config/config.h"

namespace hearth::watchdog {

// How a process ended.
struct ExitInfo {
  int status = 0;  // of exit(), where signal is 0
  int signal = 0;
  bool out_of_memory = false;  // the cgroup counted an OOM kill

  bool Success() const { return status == 0 && signal == 0; }
  // "exit status 1", "signal: killed", "killed: out of memory".
  std::string Reason() const;
};

struct LaunchSpec {
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "NAME=value"
  std::optional<RunAs> run_as;
  bool with_stdin = false;  // else /dev/null
};

class ProcessObserver {
 public:
  virtual ~ProcessObserver() = default;
  // The process has ended and been reaped; output may still wait in its pipes. Called from the
  // loop, once; the Process may be destroyed inside.
  virtual void OnExit(const ExitInfo& exit) = 0;
};

// One running process of the function, leader of its own session. Belongs to the loop's thread;
// destroying it kills what is left of its tree and closes the pipes.
class Process {
 public:
  virtual ~Process() = default;
  virtual pid_t pid() const = 0;
  virtual void Terminate() = 0;  // SIGTERM to its group
  // SIGKILL to it and to everything that descends from it. OnExit follows.
  virtual void KillTree() = 0;
  // The watchdog's ends of its standard streams; each can be taken once, stdin only if asked for.
  virtual std::unique_ptr<net::Stream> TakeStdin() = 0;
  virtual std::unique_ptr<net::Stream> TakeStdout() = 0;
  virtual std::unique_ptr<net::Stream> TakeStderr() = 0;
};

// Starts processes. It exists so that the modes can be tested without any: PosixLauncher is the
// real one. Belongs to the loop's thread.
class Launcher {
 public:
  virtual ~Launcher() = default;
  // `observer` outlives the Process. An error says why the command cannot run.
  virtual absl::StatusOr<std::unique_ptr<Process>> Launch(const LaunchSpec& spec,
                                                          ProcessObserver* observer) = 0;
  // Whether the command is there and may be run, without running it.
  virtual absl::Status Check(const LaunchSpec& spec) = 0;
};

}  // namespace hearth::watchdog
