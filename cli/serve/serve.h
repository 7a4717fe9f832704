#pragma once

#include <absl/status/status.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/config/paths.h"
#include "cli/serve/child_process.h"
#include "cli/serve/continuation.h"
#include "cli/serve/data_folder.h"
#include "cli/serve/serve_options.h"
#include "cli/serve/supervision.h"
#include "cli/terminal/terminal.h"
#include "core/base/clock.h"

namespace hearth::cli {

// `hearth serve`: one gateway and one controller, started, watched, restarted and stopped in order.
// Owns the data folder and the two processes; one thread, which waits for signals and for its
// children in one place.
class Serve {
 public:
  Serve(ServeOptions options, const Environment& environment, const Clock& clock,
        Terminal& terminal);
  ~Serve();

  // Until a signal ends it. The exit code, or why it could not start.
  absl::StatusOr<int> Run(const std::vector<std::string>& effective);
  // Goes on with the children of the program that this process was before SIGUSR2.
  absl::StatusOr<int> RunOn(const Continuation& before);

 private:
  struct Child {
    std::string name;     // "gateway"
    std::string program;  // path
    std::vector<std::string> arguments;
    ChildSupervision supervision;
    ChildProcess process;
    int orphan_signal = 0;  // what it gets when serve is killed
    bool running() const { return process.pid > 0; }
  };
  // What is being replaced, after this program itself.
  enum class Upgrade : uint8_t { kNone, kGateway, kController };

  absl::Status Prepare();
  absl::Status EndLeftOvers();
  absl::Status DescribeChildren();
  void AddTlsArguments(std::vector<std::string>* arguments) const;
  void Greet();

  absl::Status BlockSignals();
  void Loop();
  int PollTimeout() const;
  void OnSignals();
  void ReapChildren();
  void OnReadable(Child& child);
  void OnExit(Child& child, int status);
  void Start(Child& child);
  void RequestStop();
  void ContinueStop();
  void Signal(Child& child, int signal);
  std::vector<std::string> CommandOf(const Child& child) const;

  // serve_upgrade.cc
  void RequestUpgrade();
  void Become();
  absl::Status Continue(const Continuation& before);
  void StartSuccessor();
  void OnSuccessorReadable();
  void OnSuccessorExit(int status);

  const ServeOptions options_;
  const Environment& environment_;
  const Clock& clock_;
  Terminal& terminal_;
  std::unique_ptr<DataFolder> data_;
  UniqueFd signals_;
  const std::vector<std::string> command_line_;  // starts what is on disk by then
  Child gateway_, controller_;
  ChildProcess successor_;      // of the gateway, until it serves
  std::vector<pid_t> leaving_;  // gateways that have been followed
  Upgrade upgrade_ = Upgrade::kNone;
  MonotonicTime started_{};
  MonotonicTime stop_deadline_{};
  int stop_signals_ = 0;
  int exit_code_ = 0;
  bool greeted_ = false, made_credentials_ = false;
};

}  // namespace hearth::cli
