#pragma once

#include <absl/status/status.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/config/paths.h"
#include "cli/serve/child_process.h"
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

 private:
  struct Child {
    std::string name;     // "gateway"
    std::string program;  // path
    std::vector<std::string> arguments;
    ChildSupervision supervision;
    ChildProcess process;
    bool running() const { return process.pid > 0; }
  };

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

  const ServeOptions options_;
  const Environment& environment_;
  const Clock& clock_;
  Terminal& terminal_;
  std::unique_ptr<DataFolder> data_;
  UniqueFd signals_;
  Child gateway_, controller_;
  MonotonicTime started_{};
  MonotonicTime stop_deadline_{};
  int stop_signals_ = 0;
  int exit_code_ = 0;
  bool greeted_ = false, made_credentials_ = false;
};

}  // namespace hearth::cli
