#include "gateway/app/lifecycle.h"

#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/absl_compat.h"
#include "core/base/install.h"
#include "core/base/strings.h"
#include "core/net/socket.h"

extern char** environ;

namespace hearth::gateway {
namespace {

constexpr int kWhileDraining = 20;  // milliseconds between looks

std::string ExitText(int status) {
  if (WIFSIGNALED(status)) return Cat("killed by signal ", WTERMSIG(status));
  return Cat("exit status ", WEXITSTATUS(status));
}

}  // namespace

Lifecycle::Lifecycle(const log::Logger& logger)
    : logger_(logger),
      argv_(OwnCommandLine()),
      handed_over_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_.Reset(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

void Lifecycle::Watch(App& app) {
  app.OnHandedOver([this] {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(handed_over_.get(), &one, sizeof one);
  });
}

void Lifecycle::Run(App& app, bool can_hand_over) {
  while (!app.drained() && stop_signals_ < 2) {
    pollfd fds[2] = {{signals_.get(), POLLIN, 0}, {handed_over_.get(), POLLIN, 0}};
    ::poll(fds, 2, stop_signals_ > 0 || left_ ? kWhileDraining : -1);
    if (fds[1].revents != 0) OnHandedOver(app);
    if (fds[0].revents != 0) OnSignals(app, can_hand_over);
  }
}

void Lifecycle::OnHandedOver(App& app) {
  uint64_t count = 0;
  if (::read(handed_over_.get(), &count, sizeof count) < 0 || left_) return;
  left_ = true;
  app.Leave();
}

void Lifecycle::OnSignals(App& app, bool can_hand_over) {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    switch (info.ssi_signo) {
      case SIGCHLD:
        Reap();
        break;
      case SIGHUP:
        app.Reload();
        break;
      case SIGUSR2:
        if (left_ || stop_signals_ > 0) {
          logger_.Warn("SIGUSR2 not obeyed: this gateway is leaving already");
        } else if (!can_hand_over) {
          logger_.Error("SIGUSR2 not obeyed: a successor needs --handover-socket to take over");
        } else {
          StartSuccessor();
        }
        break;
      default:
        if (++stop_signals_ == 1) app.BeginDrain();
    }
  }
}

void Lifecycle::StartSuccessor() {
  if (successor_ > 0) {
    logger_.Warn("SIGUSR2 not obeyed: a successor is being started", {{"process", successor_}});
    return;
  }
  if (const absl::Status status = Spawn(); !status.ok()) {
    logger_.Error("no successor; this gateway goes on", {{"error", Message(status)}});
    return;
  }
  logger_.Info("successor started", {{"process", successor_}, {"program", argv_.front()}});
}

absl::Status Lifecycle::Spawn() {
  std::vector<std::string> arguments = argv_;
  arguments.insert(arguments.end(), {"--ready-fd", "-1"});  // nobody reads what was given to us
  std::vector<char*> raw;
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawn(&successor_, raw[0], nullptr, &attributes, raw.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return absl::OkStatus();
  successor_ = -1;
  return Unavailable(Cat("cannot start ", argv_.front(), ": ", net::ErrnoText(error)));
}

void Lifecycle::Reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != successor_) continue;
    successor_ = -1;
    if (left_) continue;
    logger_.Error("the successor did not take over; this gateway goes on",
                  {{"process", pid}, {"reason", ExitText(status)}});
  }
}

}  // namespace hearth::gateway
