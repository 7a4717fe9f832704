#include "cli/serve/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>

#include "cli/config/paths.h"
#include "cli/serve/ports.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/install.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using namespace std::chrono_literals;

// A controller that stops ends every replica first.
constexpr Duration kControllerStop = 45s;
constexpr Duration kLeftOverStop = 10s;

}  // namespace

Serve::Serve(ServeOptions options, const Environment& environment, const Clock& clock,
             Terminal& terminal)
    : options_(std::move(options)),
      environment_(environment),
      clock_(clock),
      terminal_(terminal),
      command_line_(OwnCommandLine()) {
  gateway_.name = "gateway";
  gateway_.orphan_signal = SIGTERM;
  controller_.name = "controller";
  controller_.orphan_signal = SIGINT;  // which ends its replicas, too
}

Serve::~Serve() {
  std::vector<pid_t> left = leaving_;
  for (const pid_t pid : {gateway_.process.pid, controller_.process.pid, successor_.pid}) {
    if (pid > 0) left.push_back(pid);
  }
  for (const pid_t pid : left) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

absl::StatusOr<int> Serve::Run(const std::vector<std::string>& effective) {
  started_ = clock_.Now();
  RETURN_IF_ERROR(Prepare());
  terminal_.out() << "configuration:\n";
  for (const auto& line : effective) terminal_.out() << "  " << line << "\n";
  terminal_.out() << std::flush;
  if (IsExposed(options_.listen) && !options_.http_redirect) {
    terminal_.Warn(Cat("--listen ", options_.listen,
                       " can be reached from other machines, without TLS: credentials and data "
                       "cross the network readable. Serve HTTPS by --tls-listen, and lead there by "
                       "--http-redirect or listen on 127.0.0.1"));
  }
  Start(controller_);  // then the gateway, which looks for it: see OnReadable
  Loop();
  return exit_code_;
}

absl::StatusOr<int> Serve::RunOn(const Continuation& before) {
  started_ = clock_.Now();
  RETURN_IF_ERROR(Continue(before));
  Loop();
  return exit_code_;
}

absl::Status Serve::Prepare() {
  RETURN_IF_ERROR(BlockSignals());
  ASSIGN_OR_RETURN(data_, DataFolder::Open(options_.data, environment_));
  RETURN_IF_ERROR(EndLeftOvers());
  RETURN_IF_ERROR(CheckPort(options_.listen, "--listen"));
  if (!options_.tls_listen.empty()) {
    RETURN_IF_ERROR(CheckPort(options_.tls_listen, "--tls-listen"));
  }
  RETURN_IF_ERROR(CheckPort(options_.admin_listen, "--admin-listen"));
  ASSIGN_OR_RETURN(const DataFolder::Keys keys, data_->EnsureCredentials());
  made_credentials_ = keys.made;
  if (keys.made) {
    terminal_.out() << "credentials of the management API, shown this once:\n  user      "
                    << keys.credentials.user << "\n  password  " << keys.credentials.password
                    << "\n  kept in   " << data_->credentials_file()
                    << " (the command line finds them there)\n"
                    << std::flush;
  }
  return DescribeChildren();
}

// What an earlier serve left that was killed: its children were told to end when it was gone, and
// hold the ports until then.
absl::Status Serve::EndLeftOvers() {
  const MonotonicTime deadline = clock_.Now() + kLeftOverStop;
  for (const char* name : {"gateway", "controller"}) {
    const std::string program = Cat("hearth-", name);
    bool told = false;
    while (const auto pid = data_->LeftOver(name, program)) {
      if (!told) {
        terminal_.Note(Cat("waiting for the ", name, " of an earlier run (process ", *pid, ")"));
        ::kill(*pid, SIGTERM);
        told = true;
      }
      if (clock_.Now() > deadline) ::kill(*pid, SIGKILL);
      ::poll(nullptr, 0, 20);
    }
    data_->RemovePid(name);
  }
  return absl::OkStatus();
}

absl::Status Serve::DescribeChildren() {
  ASSIGN_OR_RETURN(gateway_.program, FindSibling("hearth-gateway"));
  ASSIGN_OR_RETURN(controller_.program, FindSibling("hearth-controller"));
  std::string runtimes = options_.runtimes;
  if (runtimes.empty()) {
    ASSIGN_OR_RETURN(runtimes, FindRuntimesDir());
  }
  const std::string& run = data_->run();
  RETURN_IF_ERROR(MakeFolders(run + "/gateway", 0700));  // sandboxes see this folder: one socket
  const std::vector<std::string> common = {"--log-level", options_.log_level, "--log-format",
                                           options_.log_format};
  gateway_.arguments = {"--listen",           options_.listen,
                        "--admin-listen",     options_.admin_listen,
                        "--controller",       Cat("unix:", run, "/fleet.sock"),
                        "--functions-socket", run + "/gateway/functions.sock",
                        "--auth-file",        data_->credentials_file(),
                        "--route-cache",      data_->path() + "/routes.pb",
                        "--handover-socket",  run + "/gateway.sock",
                        "--access-log",       options_.access_log,
                        "--drain-timeout",    FormatDuration(options_.drain_timeout)};
  AddTlsArguments(&gateway_.arguments);
  controller_.arguments = {"--data", data_->path(), "--runtimes", runtimes, "--fleet-listen",
                           Cat("unix:", run, "/fleet.sock"), "--stream-listen",
                           Cat("unix:", run, "/stream.sock"), "--gateway-socket",
                           run + "/gateway/functions.sock",
                           // On SIGTERM, which serve sends to replace it; to end it sends SIGINT.
                           "--keep-replicas",
                           // Only gateways need to know the port: they are told.
                           "--api-listen", "127.0.0.1:0"};
  if (options_.insecure_no_sandbox) controller_.arguments.push_back("--insecure-no-sandbox");
  for (Child* child : {&gateway_, &controller_}) {
    child->arguments.insert(child->arguments.end(), common.begin(), common.end());
  }
  return absl::OkStatus();
}

// Checked by the gateway, which says what is wrong with them.
void Serve::AddTlsArguments(std::vector<std::string>* arguments) const {
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) arguments->insert(arguments->end(), {flag, value});
  };
  add("--tls-listen", options_.tls_listen);
  for (const std::string& file : options_.tls_certificates) add("--tls-cert", file);
  for (const std::string& file : options_.tls_keys) add("--tls-key", file);
  add("--tls-client-ca", options_.tls_client_ca);
  add("--tls-ticket-secret", options_.tls_ticket_secret);
  if (options_.http_redirect) arguments->push_back("--http-redirect");
}

absl::Status Serve::BlockSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD}) ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return Internal("cannot block signals");
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  return signals_.valid() ? absl::OkStatus() : Internal("cannot make a signalfd");
}

void Serve::Loop() {
  while (!gateway_.supervision.ended() || !controller_.supervision.ended() || gateway_.running() ||
         controller_.running() || successor_.pid > 0 || !leaving_.empty()) {
    pollfd fds[4] = {{signals_.get(), POLLIN, 0},
                     {gateway_.process.ready.get(), POLLIN, 0},
                     {controller_.process.ready.get(), POLLIN, 0},
                     {successor_.ready.get(), POLLIN, 0}};
    ::poll(fds, 4, PollTimeout());
    if (fds[1].revents != 0) OnReadable(gateway_);
    if (fds[2].revents != 0) OnReadable(controller_);
    if (fds[3].revents != 0) OnSuccessorReadable();
    if (fds[0].revents != 0) OnSignals();
    for (Child* child : {&gateway_, &controller_}) {
      if (child->supervision.OnTime(clock_.Now()) == ChildSupervision::Action::kStart) {
        Start(*child);
      }
    }
    ContinueStop();
  }
}

int Serve::PollTimeout() const {
  std::optional<MonotonicTime> next;
  const auto consider = [&](std::optional<MonotonicTime> t) {
    if (t && (!next || *t < *next)) next = t;
  };
  consider(gateway_.supervision.deadline());
  consider(controller_.supervision.deadline());
  if (stop_signals_ > 0) consider(stop_deadline_);
  if (!next) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

void Serve::OnSignals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGUSR2) {
      RequestUpgrade();
    } else if (info.ssi_signo != SIGCHLD) {
      RequestStop();
    }
  }
  ReapChildren();
}

void Serve::ReapChildren() {
  for (Child* child : {&gateway_, &controller_}) {
    int status = 0;
    if (child->running() && ::waitpid(child->process.pid, &status, WNOHANG) == child->process.pid) {
      OnExit(*child, status);
    }
  }
  int status = 0;
  if (successor_.pid > 0 && ::waitpid(successor_.pid, &status, WNOHANG) == successor_.pid) {
    OnSuccessorExit(status);
  }
  std::erase_if(leaving_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

void Serve::OnReadable(Child& child) {
  bool closed = false;
  if (ReadReady(child.process.ready, &closed)) {
    child.supervision.OnReady(clock_.Now());
    closed = true;
    const bool first = gateway_.supervision.state() == ChildSupervision::State::kStopped;
    if (&child == &controller_ && first && stop_signals_ == 0) Start(gateway_);
    if (&child == &controller_ && upgrade_ == Upgrade::kController) {
      upgrade_ = Upgrade::kNone;
      terminal_.Note(Cat("upgraded: gateway is process ", gateway_.process.pid, ", controller ",
                         controller_.process.pid));
    } else if (greeted_) {
      terminal_.Note(Cat("the ", child.name, " is back"));
    }
  }
  if (closed) child.process.ready.Reset();
  if (!greeted_ && gateway_.supervision.ready() && controller_.supervision.ready()) Greet();
}

void Serve::Greet() {
  greeted_ = true;
  const std::string url = LocalUrl(options_.listen);
  if (const absl::Status status = data_->WriteEndpoint(url); !status.ok()) {
    terminal_.Warn(Message(status));
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - started_);
  const std::string by_tls =
      options_.tls_listen.empty() ? std::string() : Cat(", by HTTPS on ", options_.tls_listen, ",");
  terminal_.out() << "\nready at " << terminal_.Out(Terminal::Style::kBold, url) << by_tls
                  << " after " << FormatDuration(took) << "; metrics at "
                  << LocalUrl(options_.admin_listen) << "/metrics\n";
  const bool usual_folder = data_->path() == DefaultDataFolder([this](std::string_view name) {
                              return name == "HEARTH_DATA" ? std::nullopt : environment_(name);
                            });
  if (!usual_folder) {
    terminal_.out() << "for the command line, which finds address and credentials there:\n"
                    << "       export HEARTH_DATA=" << data_->path() << "\n";
  }
  if (made_credentials_) {
    terminal_.out() << "next:  hearth new hello --lang python3 && hearth up -f hello.yaml\n";
  }
  terminal_.out() << "Ctrl-C stops it; state is kept in " << data_->path() << std::endl;
}

std::vector<std::string> Serve::CommandOf(const Child& child) const {
  std::vector<std::string> argv{child.program};
  argv.insert(argv.end(), child.arguments.begin(), child.arguments.end());
  return argv;
}

void Serve::Start(Child& child) {
  if (child.supervision.state() == ChildSupervision::State::kStopped) child.supervision.Begin();
  auto process = StartChild(CommandOf(child), child.orphan_signal);
  if (!process.ok()) {
    terminal_.Error(Cat("cannot start the ", child.name, ": ", Message(process.status())));
    OnExit(child, 127 << 8);
    return;
  }
  child.process = *std::move(process);
  data_->WritePid(child.name, child.process.pid).IgnoreError();
}

void Serve::OnExit(Child& child, int status) {
  // Its last word may still be unread.
  if (child.process.ready.valid()) OnReadable(child);
  child.process = {};
  data_->RemovePid(child.name);
  const bool expected = stop_signals_ > 0;
  const auto action = child.supervision.OnExit(clock_.Now());
  if (expected) return;
  if (action == ChildSupervision::Action::kGiveUp) {
    terminal_.Error(
        Cat("the ", child.name, " does not start (", ExitText(status), "); its message is above"));
    exit_code_ = 1;
    RequestStop();
    return;
  }
  if (&child == &controller_ && upgrade_ == Upgrade::kController && status == 0) return;
  terminal_.Warn(Cat("the ", child.name, " ended (", ExitText(status), "); it is started again in ",
                     FormatDuration(child.supervision.pause())));
}

void Serve::Signal(Child& child, int signal) {
  child.supervision.OnStopRequested();
  if (child.running()) ::kill(child.process.pid, signal);
}

// First the gateway: it finishes what it has begun while the functions still run. A second request
// ends it at once.
void Serve::RequestStop() {
  ++stop_signals_;
  if (stop_signals_ == 1) {
    terminal_.Note("stopping: requests under way are finished first (again: at once)");
    stop_deadline_ = clock_.Now() + options_.drain_timeout + 5s;
  } else {
    stop_deadline_ = clock_.Now();
  }
  Signal(gateway_, SIGTERM);
  if (successor_.pid > 0) ::kill(successor_.pid, SIGTERM);
  for (const pid_t pid : leaving_) ::kill(pid, SIGTERM);
  // It will not start again: where it is pausing it is stopped now.
  if (!controller_.running()) controller_.supervision.OnStopRequested();
}

void Serve::ContinueStop() {
  if (stop_signals_ == 0) return;
  using State = ChildSupervision::State;
  const bool late = clock_.Now() >= stop_deadline_;
  if (gateway_.running() || successor_.pid > 0 || !leaving_.empty()) {
    if (!late) return;
    if (gateway_.running()) Signal(gateway_, SIGKILL);
    if (successor_.pid > 0) ::kill(successor_.pid, SIGKILL);
    for (const pid_t pid : leaving_) ::kill(pid, SIGKILL);
    return;
  }
  if (!controller_.running()) return;
  if (controller_.supervision.state() != State::kStopping) {
    Signal(controller_, SIGINT);
    stop_deadline_ = clock_.Now() + kControllerStop;
  } else if (late) {
    Signal(controller_, SIGKILL);
  }
}

}  // namespace hearth::cli
