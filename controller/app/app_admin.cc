// The application as the management API sees it: namespaces and secrets.
#include <algorithm>
#include <utility>

#include "controller/app/app.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/validate.h"

namespace hearth::controller {

bool App::NamespaceExists(const std::string& name) const {
  return name == options_.default_namespace || namespaces_.contains(name);
}

absl::Status App::RequireNamespace(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  if (NamespaceExists(name)) return absl::OkStatus();
  return NotFound(Cat("there is no namespace \"", name, "\"; create it first"));
}

std::vector<Namespace> App::Namespaces() const {
  const std::lock_guard lock(mutex_);
  std::vector<Namespace> out;
  if (!namespaces_.contains(options_.default_namespace)) {
    Namespace first;
    first.name = options_.default_namespace;
    first.labels = {{"openfaas", "1"}};
    out.push_back(std::move(first));
  }
  for (const auto& [name, ns] : namespaces_) out.push_back(ns);
  std::stable_partition(out.begin(), out.end(), [this](const Namespace& ns) {
    return ns.name == options_.default_namespace;
  });
  return out;
}

absl::Status App::CreateNamespace(Namespace ns) {
  if (const std::string problem = model::NameProblem(ns.name); !problem.empty()) {
    return InvalidArgument(Cat("namespace \"", ns.name, "\": ", problem));
  }
  const std::lock_guard one_writer(writes_);
  if (RequireNamespace(ns.name).ok()) {
    return AlreadyExists(Cat("namespace \"", ns.name, "\" exists already"));
  }
  ns.created = deps_.clock->WallNow();
  RETURN_IF_ERROR(deps_.store->PutNamespace(ns));
  const std::lock_guard lock(mutex_);
  namespaces_[ns.name] = std::move(ns);
  return absl::OkStatus();
}

absl::Status App::UpdateNamespace(Namespace ns) {
  const std::lock_guard one_writer(writes_);
  RETURN_IF_ERROR(RequireNamespace(ns.name));
  {
    const std::lock_guard lock(mutex_);
    const auto it = namespaces_.find(ns.name);
    ns.created = it == namespaces_.end() ? deps_.clock->WallNow() : it->second.created;
  }
  RETURN_IF_ERROR(deps_.store->PutNamespace(ns));
  const std::lock_guard lock(mutex_);
  namespaces_[ns.name] = std::move(ns);
  return absl::OkStatus();
}

absl::Status App::DeleteNamespace(const std::string& name) {
  const std::lock_guard one_writer(writes_);
  RETURN_IF_ERROR(RequireNamespace(name));
  if (name == options_.default_namespace) {
    return FailedPrecondition(Cat("namespace \"", name, "\" is the default one and stays"));
  }
  std::vector<std::string> inside;
  for (const auto& view : List(name)) inside.push_back(view.function.key.name);
  if (!inside.empty()) {
    return FailedPrecondition(
        Cat("namespace \"", name, "\" still holds ", Join(inside, ", "), "; remove them first"));
  }
  ASSIGN_OR_RETURN(const auto secrets, deps_.secrets->List(name));
  for (const auto& secret : secrets) RETURN_IF_ERROR(deps_.secrets->Remove(name, secret));
  RETURN_IF_ERROR(deps_.store->RemoveNamespace(name));
  const std::lock_guard lock(mutex_);
  namespaces_.erase(name);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> App::Secrets(const std::string& ns) const {
  RETURN_IF_ERROR(RequireNamespace(ns));
  return deps_.secrets->List(ns);
}

absl::Status App::CreateSecret(const std::string& ns, const std::string& name,
                               std::string_view value) {
  const std::lock_guard one_writer(writes_);
  RETURN_IF_ERROR(RequireNamespace(ns));
  RETURN_IF_ERROR(deps_.secrets->Create(ns, name, value));
  RollUsersOf(ns, name);
  return absl::OkStatus();
}

absl::Status App::UpdateSecret(const std::string& ns, const std::string& name,
                               std::string_view value) {
  const std::lock_guard one_writer(writes_);
  RETURN_IF_ERROR(RequireNamespace(ns));
  RETURN_IF_ERROR(deps_.secrets->Update(ns, name, value));
  RollUsersOf(ns, name);
  return absl::OkStatus();
}

absl::Status App::RemoveSecret(const std::string& ns, const std::string& name) {
  const std::lock_guard one_writer(writes_);
  RETURN_IF_ERROR(RequireNamespace(ns));
  return deps_.secrets->Remove(ns, name);
}

// A secret's version is part of the revision: new value, new revision, proven like any other.
void App::RollUsersOf(const std::string& ns, const std::string& secret) {
  std::vector<model::Function> users;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, f] : functions_) {
      const auto& secrets = f.function.spec.secrets;
      if (key.ns != ns || f.deleted) continue;
      if (std::find(secrets.begin(), secrets.end(), secret) != secrets.end()) {
        users.push_back(f.function);
      }
    }
  }
  for (auto& function : users) {
    auto revision = RevisionFor(function.key, function.spec);
    if (!revision.ok()) continue;
    const std::lock_guard lock(mutex_);
    const FunctionKey key = function.key;
    Install(std::move(function), *std::move(revision));
    dirty_.insert(key);
  }
}

}  // namespace hearth::controller
