// SIGUSR2: every program is replaced by what is on disk now, and nobody who is served notices.
//
//   check the new serve → become it (same process, same children) → new gateway takes over from the
//   old one → the controller is restarted, its functions run on
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>

#include "cli/serve/continuation.h"
#include "cli/serve/ports.h"
#include "cli/serve/serve.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

constexpr Duration kCheckPatience = std::chrono::seconds(10);

bool IsRunningChild(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == 0; }

}  // namespace

void Serve::RequestUpgrade() {
  if (stop_signals_ > 0 || upgrade_ != Upgrade::kNone) {
    terminal_.Note("SIGUSR2 not obeyed: an upgrade or a stop is under way already");
    return;
  }
  if (!gateway_.supervision.ready() || !controller_.supervision.ready()) {
    terminal_.Warn("SIGUSR2 not obeyed: gateway and controller must run first; try again");
    return;
  }
  const absl::Status tried =
      TryProgram(command_line_, Cat(Continuation::kVariable, "=", Continuation::kCheck),
                 kCheckPatience, clock_);
  if (!tried.ok()) {
    terminal_.Error(Cat("no upgrade, everything goes on as it is: ", Message(tried)));
    return;
  }
  Become();
}

// Does not return where it succeeds.
void Serve::Become() {
  Continuation next;
  next.lock = data_->lock();
  next.gateway = gateway_.process.pid;
  next.controller = controller_.process.pid;
  next.leaving = leaving_;
  std::vector<char*> raw;
  std::vector<std::string> texts = command_line_;
  for (std::string& text : texts) raw.push_back(text.data());
  raw.push_back(nullptr);
  terminal_.out() << std::flush;
  ::fcntl(next.lock, F_SETFD, 0);
  ::setenv(Continuation::kVariable, next.Format().c_str(), 1);
  ::execv(raw[0], raw.data());
  const int error = errno;
  ::unsetenv(Continuation::kVariable);
  ::fcntl(next.lock, F_SETFD, FD_CLOEXEC);
  terminal_.Error(Cat("no upgrade, everything goes on as it is: cannot run ", command_line_.front(),
                      ": ", std::string_view(strerror(error))));
}

absl::Status Serve::Continue(const Continuation& before) {
  RETURN_IF_ERROR(BlockSignals());
  ASSIGN_OR_RETURN(data_, DataFolder::Open(options_.data, environment_, UniqueFd(before.lock)));
  RETURN_IF_ERROR(DescribeChildren());
  RETURN_IF_ERROR(data_->WriteEndpoint(LocalUrl(options_.listen)));
  greeted_ = true;
  const std::pair<Child*, pid_t> children[] = {{&gateway_, before.gateway},
                                               {&controller_, before.controller}};
  for (const auto& [child, pid] : children) {
    child->supervision.Begin();
    child->supervision.OnReady(clock_.Now());
    child->process.pid = pid;
  }
  leaving_ = before.leaving;
  std::erase_if(leaving_, [](pid_t pid) { return !IsRunningChild(pid); });
  ReapChildren();  // what ended meanwhile
  StartSuccessor();
  return absl::OkStatus();
}

void Serve::StartSuccessor() {
  upgrade_ = Upgrade::kGateway;
  auto process = StartChild(CommandOf(gateway_), gateway_.orphan_signal);
  if (process.ok()) {
    successor_ = *std::move(process);
    return;
  }
  upgrade_ = Upgrade::kNone;
  terminal_.Error(
      Cat("cannot start the new gateway; the old one goes on: ", Message(process.status())));
}

void Serve::OnSuccessorReadable() {
  bool closed = false;
  const bool ready = ReadReady(successor_.ready, &closed);
  if (!ready && !closed) return;
  successor_.ready.Reset();
  if (!ready) return;  // its end is reaped
  // It serves, and the one before has been told to leave.
  if (gateway_.running()) leaving_.push_back(gateway_.process.pid);
  gateway_.process = std::exchange(successor_, {});
  gateway_.supervision.OnReplaced(clock_.Now());
  data_->WritePid(gateway_.name, gateway_.process.pid).IgnoreError();
  if (stop_signals_ > 0) {
    Signal(gateway_, SIGTERM);
    return;
  }
  terminal_.Note("the new gateway serves; the old one finishes what it has");
  upgrade_ = Upgrade::kController;
  // It leaves its replicas running, and is started again as after a crash.
  if (controller_.running()) ::kill(controller_.process.pid, SIGTERM);
}

void Serve::OnSuccessorExit(int status) {
  if (successor_.ready.valid()) OnSuccessorReadable();
  if (successor_.pid <= 0) return OnExit(gateway_, status);  // its last word was that it is ready
  successor_ = {};
  upgrade_ = Upgrade::kNone;
  if (stop_signals_ > 0) return;
  terminal_.Error(Cat("no upgrade: the new gateway does not start (", ExitText(status),
                      "), its message is above; the old one goes on"));
}

}  // namespace hearth::cli
