#include "controller/backend/local/supervisor.h"

#include <algorithm>
#include <utility>

#include "controller/logs/log_store.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

// The watchdog itself gives up on a function that does not start; this is for a watchdog that
// hangs.
constexpr Duration kStartMargin = std::chrono::seconds(3);
constexpr Duration kReconnectAfter = std::chrono::milliseconds(100);
constexpr int kReconnects = 5;
constexpr size_t kLastLines = 20;
constexpr size_t kMaxFailed = 1000;

Duration Between(MonotonicTime from, MonotonicTime to) {
  return std::max(Duration::zero(), to - from);
}

}  // namespace

// One replica. Everything it waits for is a member, so that forgetting it cancels all of it.
struct Supervisor::Replica {
  ReplicaRequest request;
  ReplicaMeta meta;
  UniqueFd pidfd, boot_log;
  model::Replica view;  // what was reported last
  MonotonicTime decided, started, first_status;
  bool launching = false;
  bool ending = false;
  bool was_ready = false;
  bool kill_wanted = false;  // by our user
  bool drain_wanted = false;
  uint64_t restarts = 0;
  int reconnects = 0;
  net::Timer deadline;  // of starting, then of draining, then between two connects
  std::unique_ptr<ControlWatch> watch;
  std::unique_ptr<net::ClientExchange> drain;
  std::unique_ptr<net::ClientHandler> drain_handler;
};

Supervisor::Supervisor(net::Loop& loop, Launcher& launcher, WorkerPool& workers, LogStore& logs,
                       std::string run_dir, log::Logger log, Backend::EventSink sink)
    : loop_(loop),
      launcher_(launcher),
      workers_(workers),
      logs_(logs),
      run_dir_(std::move(run_dir)),
      log_(std::move(log)),
      sink_(std::move(sink)) {}

Supervisor::~Supervisor() = default;

Supervisor::ReplicaPtr Supervisor::Find(const ReplicaId& id) {
  const auto it = replicas_.find(id);
  return it == replicas_.end() ? nullptr : it->second;
}

void Supervisor::Create(ReplicaRequest request, MonotonicTime decided) {
  if (stopped_ || Find(request.id) != nullptr) return;
  auto replica = std::make_shared<Replica>();
  replica->view.id = request.id;
  replica->view.function = request.function;
  replica->view.revision = request.revision;
  replica->view.capacity = request.spec.concurrency;
  replica->view.created = decided;
  replica->view.address = "unix:" + PathsOf(run_dir_, request.id).data_socket();
  replica->decided = decided;
  replica->request = std::move(request);
  replicas_[replica->view.id] = replica;
  Launch(replica);
}

void Supervisor::Launch(const ReplicaPtr& replica) {
  replica->launching = true;
  // A replica's timers and streams are the loop's: its last reference goes there.
  workers_.Submit([this, replica = replica]() mutable {
    auto launched =
        std::make_shared<absl::StatusOr<LaunchedReplica>>(launcher_.Launch(replica->request));
    loop_.Post([this, replica = std::move(replica), launched = std::move(launched)] {
      OnLaunched(replica, std::move(*launched));
    });
  });
}

void Supervisor::OnLaunched(const ReplicaPtr& replica, absl::StatusOr<LaunchedReplica> launched) {
  replica->launching = false;
  if (!launched.ok()) {
    if (replica->kill_wanted) {
      replica->view.state = ReplicaState::kGone;
      Emit(replica);
      Forget(replica);
    } else {
      Fail(replica, std::string(Message(launched.status())), {});
    }
    return;
  }
  replica->meta = std::move(launched->meta);
  replica->pidfd = std::move(launched->pidfd);
  replica->boot_log = std::move(launched->boot_log);
  replica->started = launched->started;
  if (replica->kill_wanted) {
    End(replica);
    return;
  }
  replica->view.state = ReplicaState::kStarting;
  Emit(replica);
  const Duration limit = replica->request.spec.health.startup_timeout;
  replica->deadline.SetCallback([this, replica = replica.get(), limit] {
    if (const ReplicaPtr held = Find(replica->view.id)) {
      Fail(held, Cat("not ready after ", FormatDuration(limit)), {});
    }
  });
  loop_.ArmAfter(replica->deadline, limit + kStartMargin);
  Watch(replica);
}

void Supervisor::Adopt(const ReplicaMeta& meta, const WatchdogStatus& status) {
  auto replica = std::make_shared<Replica>();
  replica->meta = meta;
  replica->view.id = meta.id;
  replica->view.function = meta.function;
  replica->view.revision = meta.revision;
  replica->view.capacity = meta.capacity;
  replica->view.created = loop_.Now();
  replica->view.address = "unix:" + PathsOf(run_dir_, meta.id).data_socket();
  replica->request.id = meta.id;
  replica->request.function = meta.function;
  replica->request.revision = meta.revision;
  replica->decided = replica->started = replica->first_status = loop_.Now();
  replica->restarts = status.restarts;
  replicas_[meta.id] = replica;
  OnStatus(replica, status);
  if (!replica->ending) Watch(replica);
}

void Supervisor::Watch(const ReplicaPtr& replica) {
  const std::weak_ptr<Replica> weak = replica;
  replica->watch = std::make_unique<ControlWatch>(
      loop_, PathsOf(run_dir_, replica->view.id).control_socket(),
      [this, weak](const WatchdogStatus& status) {
        if (const auto held = weak.lock()) OnStatus(held, status);
      },
      [this, weak](const absl::Status& status) {
        if (const auto held = weak.lock()) OnWatchEnd(held, status);
      });
}

void Supervisor::OnStatus(const ReplicaPtr& replica, const WatchdogStatus& status) {
  if (replica->ending) return;
  replica->reconnects = 0;
  if (replica->first_status == MonotonicTime{}) replica->first_status = loop_.clock().Now();
  if (status.restarts > replica->restarts) {
    replica->restarts = status.restarts;
    log_.Warn("function crashed and was started again",
              {{"function", replica->view.function.Text()},
               {"replica", replica->view.id.value()},
               {"reason", status.last_exit_reason},
               {"restarts", status.restarts}});
  }
  if (status.state == "ready") {
    OnReady(replica, status);
  } else if (status.state == "failed") {
    Fail(replica, status.reason, status.last_output);
  } else if (status.state == "draining") {
    OnDraining(replica);
  } else if (status.state == "starting" && replica->view.state != ReplicaState::kStarting) {
    return;  // a crashed function is on its way back: the watchdog holds its requests
  }
}

void Supervisor::OnReady(const ReplicaPtr& replica, const WatchdogStatus& status) {
  if (replica->drain_wanted || replica->view.state == ReplicaState::kReady) return;
  replica->deadline.Cancel();
  replica->was_ready = true;
  replica->view.state = ReplicaState::kReady;
  replica->view.changed = loop_.Now();
  ReplicaEvent event{replica->view,
                     {},
                     Between(replica->decided, replica->started),
                     Between(replica->started, replica->first_status),
                     std::chrono::milliseconds(status.init_ms)};
  sink_(std::move(event));
}

// It was told to leave by somebody else, or by a controller before this one. Out of the routes
// nothing comes to it any more, and then it leaves by itself; its end is no failure.
void Supervisor::OnDraining(const ReplicaPtr& replica) {
  if (replica->drain_wanted) return;
  replica->drain_wanted = true;
  replica->deadline.Cancel();
  replica->view.state = ReplicaState::kDraining;
  replica->view.changed = loop_.Now();
  Emit(replica);
}

void Supervisor::OnWatchEnd(const ReplicaPtr& replica, const absl::Status& status) {
  if (replica->ending) return;
  const ReplicaMeta& meta = replica->meta;
  const bool alive = IsAlive(meta.inner_pid, meta.inner_start_time) ||
                     (meta.inner_pid == 0 && IsAlive(meta.pid, meta.start_time));
  if (alive && ++replica->reconnects <= kReconnects && !replica->drain_wanted) {
    log_.Warn("lost the event stream of a watchdog",
              {{"replica", replica->view.id.value()}, {"error", Message(status)}});
    replica->deadline.SetCallback([this, weak = std::weak_ptr<Replica>(replica)] {
      if (const auto held = weak.lock()) Watch(held);
    });
    loop_.ArmAfter(replica->deadline, kReconnectAfter);
    return;
  }
  End(replica);
}

void Supervisor::Fail(const ReplicaPtr& replica, std::string reason,
                      std::vector<std::string> last_output) {
  if (replica->ending) return;
  replica->view.reason = std::move(reason);
  if (last_output.empty()) {
    last_output = logs_.LastLines(replica->view.function, replica->view.id, kLastLines);
  }
  replica->view.state = ReplicaState::kFailed;
  if (replica->meta.pid == 0) {
    Emit(replica, std::move(last_output));
    replica->ending = true;
    return;
  }
  End(replica);
}

void Supervisor::End(const ReplicaPtr& replica) {
  if (replica->ending) return;
  replica->ending = true;
  replica->deadline.Cancel();
  replica->drain.reset();
  const bool kill = replica->kill_wanted || replica->view.state == ReplicaState::kFailed;
  workers_.Submit([this, replica = replica, kill]() mutable {
    if (kill) launcher_.KillAll(replica->meta);
    ExitReport report = launcher_.CleanUp(replica->meta, replica->pidfd, replica->boot_log);
    loop_.Post([this, replica = std::move(replica), report = std::move(report)] {
      OnEnded(replica, report);
    });
  });
}

void Supervisor::OnEnded(const ReplicaPtr& replica, const ExitReport& report) {
  replica->watch.reset();
  const bool wanted = replica->kill_wanted || replica->drain_wanted;
  std::string& reason = replica->view.reason;
  if (report.out_of_memory && !wanted) {
    const std::string limit = Cat(replica->meta.memory_bytes >> 20, "Mi");
    reason = Cat("killed: out of memory (spec.limits.memory is ", limit, ")");
  } else if (reason.empty()) {
    reason = !report.boot_output.empty()
                 ? report.boot_output
                 : Cat("the watchdog ended: ", report.reason.empty() ? "killed" : report.reason);
  }
  if (wanted) {
    replica->view.state = ReplicaState::kGone;
    Emit(replica);
    Forget(replica);
    return;
  }
  logs_.AppendPlatform(replica->view.function, replica->view.id, reason, loop_.clock().WallNow());
  replica->view.state = ReplicaState::kFailed;
  Emit(replica, logs_.LastLines(replica->view.function, replica->view.id, kLastLines));
  if (stopped_) Forget(replica);
}

void Supervisor::Emit(const ReplicaPtr& replica, std::vector<std::string> last_output) {
  replica->view.changed = loop_.Now();
  sink_(ReplicaEvent{replica->view, std::move(last_output), {}, {}, {}});
}

void Supervisor::Forget(const ReplicaPtr& replica) {
  // The timer and the exchange may be what called us.
  loop_.Defer([replica] {});
  replicas_.erase(replica->view.id);
  std::vector<ReplicaId> live;
  for (const auto& [id, other] : replicas_) {
    if (other->view.function == replica->view.function) live.push_back(id);
  }
  workers_.Submit([this, function = replica->view.function, live = std::move(live)] {
    logs_.Prune(function, live);
  });
  if (stopped_ && replicas_.empty()) std::exchange(stopped_, [] {})();
}

void Supervisor::Kill(const ReplicaId& id) {
  const ReplicaPtr replica = Find(id);
  if (replica == nullptr) {
    ReplicaEvent event;
    event.replica.id = id;
    event.replica.state = ReplicaState::kGone;
    sink_(std::move(event));
    return;
  }
  replica->kill_wanted = true;
  if (replica->launching) return;
  if (replica->ending && replica->view.state == ReplicaState::kFailed && !replica->watch) {
    replica->view.state = ReplicaState::kGone;  // its end was reported as a failure already
    Emit(replica);
    Forget(replica);
    return;
  }
  End(replica);
}

void Supervisor::Drain(const ReplicaId& id, Duration grace) {
  const ReplicaPtr replica = Find(id);
  if (replica == nullptr || replica->launching || replica->ending || !replica->was_ready) {
    Kill(id);
    return;
  }
  if (replica->drain_wanted) return;
  replica->drain_wanted = true;
  replica->view.state = ReplicaState::kDraining;
  PostDrain(replica);
  replica->deadline.SetCallback([this, id] { Kill(id); });
  loop_.ArmAfter(replica->deadline, grace);
}

void Supervisor::StopAll(Duration grace, std::function<void()> done) {
  stopped_ = std::move(done);
  std::vector<ReplicaId> ids;
  for (const auto& [id, replica] : replicas_) ids.push_back(id);
  for (const ReplicaId& id : ids) Drain(id, grace);
  if (replicas_.empty()) std::exchange(stopped_, [] {})();
}

namespace {

// The answer to "POST /drain" tells nothing that the end of the event stream does not.
class IgnoreAnswer final : public net::ClientHandler {
 public:
  void OnHead(const net::ClientResponse&) override {}
  void OnData(std::string_view) override {}
  void OnEnd(const net::Headers&) override {}
  void OnError(const absl::Status&) override {}
};

}  // namespace

void Supervisor::PostDrain(const ReplicaPtr& replica) {
  net::ClientRequest request;
  request.address.kind = net::Address::Kind::kUnix;
  request.address.host = PathsOf(run_dir_, replica->view.id).control_socket();
  request.method = "POST";
  request.target = "/drain";
  replica->drain_handler = std::make_unique<IgnoreAnswer>();
  replica->drain =
      net::ClientExchange::Start(loop_, std::move(request), replica->drain_handler.get());
}

}  // namespace hearth::controller
