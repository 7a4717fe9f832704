#include "controller/app/app.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "controller/api/status_json.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"

namespace hearth::controller {
namespace {

using nlohmann::json;

LoadTracker::Invocations InvocationsFrom(const std::string& text) {
  LoadTracker::Invocations out;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return out;
  out.sum = object.value("sum", uint64_t{0});
  if (const auto totals = object.find("totals"); totals != object.end() && totals->is_object()) {
    for (const auto& [gateway, total] : totals->items()) {
      if (total.is_number_unsigned()) out.totals[gateway] = total.get<uint64_t>();
    }
  }
  return out;
}

}  // namespace

App::App(AppOptions options, AppDeps deps, log::Logger logger)
    : options_(std::move(options)), deps_(deps), log_(std::move(logger)) {}

App::~App() { StopThread(); }

absl::Status App::Start() {
  started_ = deps_.clock->Now();
  RETURN_IF_ERROR(LoadState());
  RETURN_IF_ERROR(
      deps_.backend->Start([this](ReplicaEvent event) { OnReplica(std::move(event)); }));
  const std::lock_guard lock(mutex_);
  for (auto& [key, f] : functions_) {
    uint32_t running = 0;
    for (const auto& [id, r] : f.replicas) {
      if (r.replica.revision == f.revision || r.replica.revision == f.serving) ++running;
    }
    tracker_.SetCurrent(key, running);
    f.desired = running;
    RefreshStatus(f);
    Poke(key);
  }
  return absl::OkStatus();
}

absl::Status App::LoadState() {
  ASSIGN_OR_RETURN(epoch_, deps_.store->NextEpoch());
  ASSIGN_OR_RETURN(const auto namespaces, deps_.store->LoadNamespaces());
  ASSIGN_OR_RETURN(auto records, deps_.store->LoadFunctions());
  const std::lock_guard lock(mutex_);
  for (const auto& ns : namespaces) namespaces_[ns.name] = ns;
  for (auto& record : records) AddRecord(std::move(record));
  log_.Info("state loaded", {{"functions", functions_.size()}, {"epoch", epoch_}});
  return absl::OkStatus();
}

void App::AddRecord(FunctionRecord record) {
  FunctionEntry f;
  f.function = std::move(record.function);
  f.proven = std::move(record.proven);
  f.serving = std::move(record.serving);
  f.serving_spec = std::move(record.serving_spec);
  // A secret that is gone leaves the revision that served last: it may still run.
  f.revision = RevisionFor(f.function.key, f.function.spec).value_or(f.serving);
  f.replicas_since = started_;
  const json status = json::parse(record.status, nullptr, false);
  if (status.is_object() && status.contains("conditions")) {
    f.status.conditions = ConditionsFromJson(status["conditions"]);
  }
  tracker_.RestoreInvocations(f.function.key, InvocationsFrom(record.invocations));
  const FunctionKey key = f.function.key;
  functions_.emplace(key, std::move(f));
}

std::optional<MonotonicTime> App::ProcessDue() {
  while (true) {
    std::optional<FunctionKey> key;
    {
      const std::lock_guard lock(mutex_);
      key = queue_.PopDue(deps_.clock->Now());
    }
    if (!key) break;
    Reconcile(*key);
  }
  CollectInvocations(deps_.clock->Now());
  FlushDirty();
  const std::lock_guard lock(mutex_);
  std::optional<MonotonicTime> next = queue_.NextDue();
  const auto sooner = [&](MonotonicTime t) { next = next ? std::min(*next, t) : t; };
  if (!dirty_.empty()) sooner(store_retry_at_);
  if (!counted_.empty()) sooner(next_flush_);
  return next;
}

void App::StartThread() {
  thread_ = std::thread([this] { Loop(); });
}

void App::Loop() {
  while (true) {
    const std::optional<MonotonicTime> next = ProcessDue();
    std::unique_lock lock(mutex_);
    const auto due = [this] { return woken_ || stopping_; };
    if (next) {
      const Duration wait = *next - deps_.clock->Now();
      if (wait > Duration::zero()) wake_.wait_for(lock, wait, due);
    } else {
      wake_.wait(lock, due);
    }
    woken_ = false;
    if (stopping_) return;
  }
}

void App::StopThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  {
    const std::lock_guard lock(mutex_);
    dirty_.insert(counted_.begin(), counted_.end());
    counted_.clear();
    store_retry_at_ = {};
  }
  FlushDirty();
}

void App::Poke(const FunctionKey& key) {
  queue_.Add(key, deps_.clock->Now());
  WakeThread();
}

void App::PokeAt(const FunctionKey& key, MonotonicTime when) { queue_.Add(key, when); }

void App::WakeThread() {
  woken_ = true;
  wake_.notify_all();
}

AppGauges App::Gauges() const {
  AppGauges gauges;
  gauges.gateways = deps_.hub->acknowledged().gateways;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, f] : functions_) {
    if (f.deleted) continue;
    gauges.functions.push_back({key, f.status.desired, f.status.available, f.status.replicas});
  }
  std::sort(gauges.functions.begin(), gauges.functions.end(),
            [](const auto& a, const auto& b) { return a.function < b.function; });
  return gauges;
}

std::vector<model::FunctionSpec> App::LiveSpecs() const {
  const std::lock_guard lock(mutex_);
  std::vector<model::FunctionSpec> specs;
  for (const auto& [key, f] : functions_) {
    if (f.deleted) continue;
    specs.push_back(f.function.spec);
    if (f.serving_spec) specs.push_back(*f.serving_spec);
  }
  return specs;
}

}  // namespace hearth::controller
