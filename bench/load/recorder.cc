#include "bench/load/recorder.h"

#include <dirent.h>
#include <nlohmann/json.hpp>

#include <ctime>
#include <fstream>
#include <memory>

namespace hearth::load {
namespace {

constexpr std::array<const char*, kFailures> kNames = {
    "none", "connect", "reset", "protocol", "wrong_size", "timeout", "unfinished"};

// Time on a CPU of every thread of these processes, from the scheduler's own account.
uint64_t CpuOf(const std::vector<int>& pids) {
  uint64_t total = 0;
  for (const int pid : pids) {
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(tasks.c_str()), &::closedir);
    if (folder == nullptr) continue;
    while (const dirent* entry = ::readdir(folder.get())) {
      if (entry->d_name[0] == '.') continue;
      std::ifstream file(tasks + "/" + entry->d_name + "/schedstat");
      uint64_t on_cpu = 0;
      if (file >> on_cpu) total += on_cpu;
    }
  }
  return total;
}

uint64_t OwnCpu() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

double Milliseconds(double ns) { return ns / 1e6; }

nlohmann::json Summary(const Histogram& h) {
  const auto at = [&](double q) { return Milliseconds(static_cast<double>(h.Quantile(q))); };
  return {{"count", h.count()},
          {"p50", at(0.5)},
          {"p90", at(0.9)},
          {"p99", at(0.99)},
          {"p999", at(0.999)},
          {"max", Milliseconds(static_cast<double>(h.max()))},
          {"mean", Milliseconds(h.mean())}};
}

bool IsGood(const Outcome& o) {
  return o.failure == Failure::kNone && ((o.status >= 200 && o.status < 300) || o.status == 101);
}
bool IsRefusal(const Outcome& o) {
  return o.failure == Failure::kNone && (o.status == 429 || o.status == 503);
}

}  // namespace

Recorder::Recorder(const Plan& plan) : plan_(plan), by_target_(plan.targets.size()) {}

void Recorder::Begin(MonotonicTime start) {
  begun_ = true;
  start_ = start;
  received_at_start_ = received_;
  sent_at_start_ = sent_;
  cpu_at_start_ = CpuOf(plan_.watched);
  own_cpu_at_start_ = OwnCpu();
}

void Recorder::End(MonotonicTime end) {
  ended_ = true;
  end_ = end;
  own_cpu_ns_ = OwnCpu() - own_cpu_at_start_;
  cpu_ns_ = CpuOf(plan_.watched) - cpu_at_start_;
  received_in_window_ = received_ - received_at_start_;
  sent_in_window_ = sent_ - sent_at_start_;
}

void Recorder::Record(const Call& call, const Outcome& outcome, MonotonicTime now) {
  if (open()) {
    ++finished_in_window_;
    if (IsGood(outcome)) ++good_in_window_;
  }
  if (!begun_ || call.due < start_ || (ended_ && call.due >= end_)) return;
  const int64_t latency = (now - call.due).count();
  ++requests_;
  if (outcome.failure == Failure::kNone) {
    ++statuses_[outcome.status];
  } else {
    ++failures_[static_cast<size_t>(outcome.failure)];
  }
  all_.Add(latency);
  if (IsGood(outcome)) {
    good_.Add(latency);
    by_target_[call.target].Add(latency);
  } else if (IsRefusal(outcome)) {
    refused_.Add(latency);
  }
  if (!plan_.options.log.empty()) {
    const int32_t status =
        outcome.failure == Failure::kNone ? outcome.status : -static_cast<int32_t>(outcome.failure);
    lines_.push_back(
        {(call.due - start_).count(), static_cast<uint32_t>(call.target), status, latency});
  }
}

void Recorder::RecordEvent(int64_t delay_ns) {
  if (open()) events_.Add(delay_ns);
}

bool Recorder::WriteLog() const {
  if (plan_.options.log.empty()) return true;
  std::ofstream out(plan_.options.log);
  for (const Line& line : lines_) {
    out << line.due_ns / 1000 << ' ' << line.target << ' ' << line.status << ' '
        << line.latency_ns / 1000 << '\n';
  }
  return static_cast<bool>(out.flush());
}

std::string Recorder::Json() const {
  const double seconds = std::chrono::duration<double>(end_ - start_).count();
  nlohmann::json out = {{"duration_s", seconds},
                        {"requests", requests_},
                        {"finished", finished_in_window_},
                        {"rps", static_cast<double>(finished_in_window_) / seconds},
                        {"good_rps", static_cast<double>(good_in_window_) / seconds},
                        {"bytes_in", received_in_window_},
                        {"bytes_out", sent_in_window_},
                        {"connections_opened", opened_},
                        {"cpu_ns", cpu_ns_},
                        {"own_cpu_share", static_cast<double>(own_cpu_ns_) / 1e9 / seconds},
                        {"latency_ms", Summary(all_)},
                        {"good_latency_ms", Summary(good_)},
                        {"refused_latency_ms", Summary(refused_)}};
  nlohmann::json& statuses = out["statuses"] = nlohmann::json::object();
  for (const auto& [status, count] : statuses_) statuses[std::to_string(status)] = count;
  nlohmann::json& errors = out["errors"] = nlohmann::json::object();
  for (size_t i = 1; i < kFailures; ++i) {
    if (failures_[i] > 0) errors[kNames[i]] = failures_[i];
  }
  if (plan_.tls) out["tls"] = {{"handshakes", handshakes_}, {"resumed", resumed_}};
  if (plan_.options.events) out["event_delay_ms"] = Summary(events_);
  if (plan_.targets.size() > 1) {
    nlohmann::json& targets = out["targets"] = nlohmann::json::array();
    for (size_t i = 0; i < plan_.targets.size(); ++i) {
      nlohmann::json target = Summary(by_target_[i]);
      target["path"] = plan_.targets[i].path;
      targets.push_back(std::move(target));
    }
  }
  return out.dump();
}

}  // namespace hearth::load
