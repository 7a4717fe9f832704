// The application as the management API sees it: functions.
#include <algorithm>
#include <utility>

#include "controller/app/app.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/revision.h"
#include "core/model/validate.h"

namespace hearth::controller {
namespace {

// The APIs that a function can be applied through on one machine; manifests of every kind come
// through the first.
bool ByOpenFaasApi(model::Door door) { return door == model::Door::kOpenFaasApi; }

std::string_view ApiName(model::Door door) {
  return ByOpenFaasApi(door) ? "the OpenFaaS REST API" : "Hearth's API";
}

}  // namespace

FunctionEntry* App::FindLive(const FunctionKey& key) {
  const auto it = functions_.find(key);
  return it == functions_.end() || it->second.deleted ? nullptr : &it->second;
}

const FunctionEntry* App::FindLive(const FunctionKey& key) const {
  const auto it = functions_.find(key);
  return it == functions_.end() || it->second.deleted ? nullptr : &it->second;
}

absl::StatusOr<RevisionId> App::RevisionFor(const FunctionKey& key,
                                            const model::FunctionSpec& spec) const {
  ASSIGN_OR_RETURN(const auto versions, deps_.secrets->Versions(key.ns, spec.secrets));
  return model::RevisionOf(spec, versions);
}

absl::Status App::CheckDeployable(const model::Function& function) const {
  if (const auto problems = model::Validate(function.key, function.spec); !problems.empty()) {
    return model::ToStatus(problems);
  }
  {
    const std::lock_guard lock(mutex_);
    if (!NamespaceExists(function.key.ns)) {
      return InvalidArgument(Cat("metadata.namespace: there is no namespace \"", function.key.ns,
                                 "\"; create it first with \"hearth namespace create ",
                                 function.key.ns, "\""));
    }
  }
  // The world's objections are the request's fault: whatever code they have, nothing is deployed.
  if (const auto versions = deps_.secrets->Versions(function.key.ns, function.spec.secrets);
      absl::IsNotFound(versions.status())) {
    return InvalidArgument(Cat("spec.secrets: ", Message(versions.status())));
  } else if (!versions.ok()) {
    return versions.status();
  }
  const absl::Status fits = deps_.backend->Check(function.key, function.spec);
  if (absl::IsNotFound(fits) || absl::IsFailedPrecondition(fits)) {
    return InvalidArgument(Message(fits));
  }
  return fits;
}

absl::StatusOr<Applied> App::Apply(model::Function function, ApplyMode mode, ApplyEffect effect) {
  const FunctionKey key = function.key;
  const std::lock_guard one_writer(writes_);
  std::optional<model::Function> existing;
  {
    const std::lock_guard lock(mutex_);
    if (const FunctionEntry* f = FindLive(key)) existing = f->function;
  }
  if (!existing && mode == ApplyMode::kUpdate) {
    return NotFound(Cat("there is no function ", key.Text(), " to update"));
  }
  if (existing && mode == ApplyMode::kCreate) {
    return AlreadyExists(Cat("function ", key.Text(), " exists already; update it instead"));
  }
  if (existing && ByOpenFaasApi(existing->door) != ByOpenFaasApi(function.door)) {
    return AlreadyExists(Cat("function ", key.Text(), " came in through ", ApiName(existing->door),
                             " and the older object wins; change it "
                             "there, or remove it first"));
  }
  RETURN_IF_ERROR(CheckDeployable(function));
  ASSIGN_OR_RETURN(const RevisionId revision, RevisionFor(key, function.spec));

  function.generation = 1;
  function.created = deps_.clock->WallNow();
  ApplyResult result = ApplyResult::kCreated;
  if (existing) {
    result = existing->spec == function.spec ? ApplyResult::kUnchanged : ApplyResult::kConfigured;
    function.generation = existing->generation + (result == ApplyResult::kConfigured ? 1 : 0);
    function.created = existing->created;
  }
  if (effect == ApplyEffect::kDryRun || result == ApplyResult::kUnchanged) {
    const std::lock_guard lock(mutex_);
    FunctionEntry* f = FindLive(key);
    if (f != nullptr && effect == ApplyEffect::kReal && f->failures.erase(f->revision) > 0) {
      Poke(key);  // asked for again: tried again at once
    }
    FunctionView view = f != nullptr ? ViewOf(*f) : FunctionView{};
    view.function = std::move(function);
    return Applied{result, std::move(view)};
  }
  FunctionRecord record;
  {
    const std::lock_guard lock(mutex_);
    if (const FunctionEntry* f = FindLive(key)) {
      record = RecordOf(*f);
      if (!f->serving.empty() && f->serving != revision && !record.serving_spec) {
        record.serving_spec = f->function.spec;
      }
    }
  }
  record.function = function;
  RETURN_IF_ERROR(deps_.store->PutFunction(record));
  const std::lock_guard lock(mutex_);
  Install(std::move(function), revision);
  return Applied{result, ViewOf(functions_.at(key))};
}

// Makes a stored function the wanted one. A deleted namesake that is still draining goes on
// leaving.
void App::Install(model::Function function, RevisionId revision) {
  const FunctionKey key = function.key;
  FunctionEntry& f = functions_[key];
  const MonotonicTime now = deps_.clock->Now();
  if (f.deleted || f.function.key.name.empty()) {
    f.deleted = false;
    f.proven.clear();
    f.serving = {};
    f.serving_spec.reset();
    f.failures.clear();
    f.status = {};
    f.desired = 0;
  } else if (!f.serving.empty() && f.serving != revision && !f.serving_spec) {
    f.serving_spec = f.function.spec;
  }
  if (f.revision != revision) {
    // Asked for anew: an earlier failure of the same revision does not hold it back.
    f.failures.erase(revision);
    tracker_.Touch(key, now);
  }
  if (f.serving == revision) f.serving_spec.reset();
  if (f.function.spec.replicas != function.spec.replicas) f.replicas_since = now;
  f.function = std::move(function);
  f.revision = std::move(revision);
  f.routes.reset();  // policies may have changed: sent again where they have
  DecideDesired(f, now);
  RefreshStatus(f);
  Poke(key);
}

absl::Status App::Delete(const FunctionKey& key) {
  const std::lock_guard one_writer(writes_);
  {
    const std::lock_guard lock(mutex_);
    if (FindLive(key) == nullptr) {
      return NotFound(Cat("there is no function ", key.Text()));
    }
  }
  RETURN_IF_ERROR(deps_.store->RemoveFunction(key));
  const std::lock_guard lock(mutex_);
  FunctionEntry& f = functions_.at(key);
  f.deleted = true;
  // Withdrawn by the next pass, even where the routes were to be sent again.
  if (!f.routes) f.routes = RouteSet{};
  dirty_.erase(key);
  counted_.erase(key);
  tracker_.Forget(key);
  Poke(key);
  log_.Info("function removed", {{"name", key.Text()}});
  return absl::OkStatus();
}

FunctionView App::ViewOf(const FunctionEntry& f) const {
  return {f.function, f.status, tracker_.InvocationsOf(f.function.key).sum};
}

absl::StatusOr<FunctionView> App::Get(const FunctionKey& key) const {
  const std::lock_guard lock(mutex_);
  if (const FunctionEntry* f = FindLive(key)) return ViewOf(*f);
  std::vector<std::string> names;
  for (const auto& [other, f] : functions_) {
    if (other.ns == key.ns && !f.deleted) names.push_back(other.name);
  }
  return NotFound(Cat("there is no function \"", key.name, "\" in namespace \"", key.ns, "\"",
                      Suggestion(key.name, names)));
}

std::vector<FunctionView> App::List(const std::string& ns) const {
  std::vector<FunctionView> out;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, f] : functions_) {
      if (!f.deleted && (ns.empty() || key.ns == ns)) out.push_back(ViewOf(f));
    }
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.function.key < b.function.key; });
  return out;
}

absl::Status App::Scale(const FunctionKey& key, std::optional<uint32_t> replicas) {
  const std::lock_guard one_writer(writes_);
  FunctionRecord record;
  RevisionId revision;
  {
    const std::lock_guard lock(mutex_);
    FunctionEntry* f = FindLive(key);
    if (f == nullptr) return NotFound(Cat("there is no function ", key.Text()));
    const uint32_t most = f->function.spec.scaling.max;
    if (replicas && *replicas > most) {
      return InvalidArgument(Cat("replicas (", *replicas, ") is larger than scaling.max (", most,
                                 ") of ", key.Text(), "; raise scaling.max first"));
    }
    if (f->function.spec.replicas == replicas) {
      // Asked again: zero at once applies again.
      f->replicas_since = deps_.clock->Now();
      DecideDesired(*f, f->replicas_since);
      RefreshStatus(*f);
      Poke(key);
      return absl::OkStatus();
    }
    record = RecordOf(*f);
    revision = f->revision;
  }
  record.function.spec.replicas = replicas;
  record.function.generation += 1;
  RETURN_IF_ERROR(deps_.store->PutFunction(record));
  const std::lock_guard lock(mutex_);
  Install(std::move(record.function), std::move(revision));
  return absl::OkStatus();
}

}  // namespace hearth::controller
