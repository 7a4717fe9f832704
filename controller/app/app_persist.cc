// What the application writes by itself: proven revisions, conditions, invocation totals.
#include <nlohmann/json.hpp>

#include "controller/api/status_json.h"
#include "controller/app/app.h"
#include "core/base/absl_compat.h"

namespace hearth::controller {

using nlohmann::json;

FunctionRecord App::RecordOf(const FunctionEntry& f) const {
  FunctionRecord record;
  record.function = f.function;
  record.proven = f.proven;
  record.serving = f.serving;
  record.serving_spec = f.serving_spec;
  record.status = json({{"conditions", ToJson(f.status.conditions)}})
                      .dump(-1, ' ', false, json::error_handler_t::replace);
  const LoadTracker::Invocations counts = tracker_.InvocationsOf(f.function.key);
  record.invocations = json({{"sum", counts.sum}, {"totals", counts.totals}}).dump();
  return record;
}

void App::CollectInvocations(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (counted_.empty()) {
    next_flush_ = now + options_.invocations_flush;
    return;
  }
  if (now < next_flush_) return;
  dirty_.insert(counted_.begin(), counted_.end());
  counted_.clear();
  next_flush_ = now + options_.invocations_flush;
}

// A full disk costs nothing but the memory of these facts: they are written again later.
void App::FlushDirty() {
  const MonotonicTime now = deps_.clock->Now();
  std::set<FunctionKey> keys;
  {
    const std::lock_guard lock(mutex_);
    if (dirty_.empty() || now < store_retry_at_) return;
    keys.swap(dirty_);
  }
  for (auto it = keys.begin(); it != keys.end(); ++it) {
    const std::lock_guard one_writer(writes_);
    std::optional<FunctionRecord> record;
    {
      const std::lock_guard lock(mutex_);
      if (const FunctionEntry* f = FindLive(*it)) record = RecordOf(*f);
    }
    if (!record) continue;
    const absl::Status done = deps_.store->PutFunction(*record);
    if (done.ok()) continue;
    deps_.metrics->CountStoreError();
    log_.Error("the store cannot be written; trying again", {{"error", Message(done)}});
    const std::lock_guard lock(mutex_);
    dirty_.insert(it, keys.end());
    store_retry_at_ = now + options_.store_retry;
    return;
  }
}

}  // namespace hearth::controller
