#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "controller/store/secret_rules.h"
#include "controller/store/secret_store.h"
#include "controller/store/store.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"

namespace hearth::fakes {

// A Store in memory that survives its users: restarting the application on it is a test's way to
// restart the controller. `fail` is returned by every write while it is not OK.
class FakeStore final : public controller::Store {
 public:
  absl::Status fail;

  absl::StatusOr<uint64_t> NextEpoch() override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(fail);
    return ++epoch_;
  }
  absl::StatusOr<std::vector<controller::FunctionRecord>> LoadFunctions() override {
    const std::lock_guard lock(mutex_);
    std::vector<controller::FunctionRecord> out;
    for (const auto& [key, record] : functions_) out.push_back(record);
    return out;
  }
  absl::Status PutFunction(const controller::FunctionRecord& record) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(fail);
    functions_[record.function.key] = record;
    return absl::OkStatus();
  }
  absl::Status RemoveFunction(const FunctionKey& key) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(fail);
    functions_.erase(key);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<controller::Namespace>> LoadNamespaces() override {
    const std::lock_guard lock(mutex_);
    std::vector<controller::Namespace> out;
    for (const auto& [name, ns] : namespaces_) out.push_back(ns);
    return out;
  }
  absl::Status PutNamespace(const controller::Namespace& ns) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(fail);
    namespaces_[ns.name] = ns;
    return absl::OkStatus();
  }
  absl::Status RemoveNamespace(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(fail);
    namespaces_.erase(name);
    return absl::OkStatus();
  }

 private:
  std::mutex mutex_;
  uint64_t epoch_ = 0;
  std::map<FunctionKey, controller::FunctionRecord> functions_;
  std::map<std::string, controller::Namespace> namespaces_;
};

// Secrets in memory, under the rules of the real one.
class FakeSecretStore final : public controller::SecretStore {
 public:
  absl::StatusOr<std::vector<std::string>> List(std::string_view ns) const override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(controller::CheckSecretName(ns, "any"));
    std::vector<std::string> names;
    for (const auto& [key, value] : values_) {
      if (key.first == ns) names.push_back(key.second);
    }
    return names;
  }
  absl::StatusOr<std::string> Read(std::string_view ns, std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(controller::CheckSecretName(ns, name));
    const auto it = values_.find(Key(ns, name));
    if (it == values_.end()) return controller::SecretNotFound(ns, name);
    return it->second;
  }
  absl::Status Create(std::string_view ns, std::string_view name, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(controller::CheckSecretName(ns, name));
    RETURN_IF_ERROR(controller::CheckSecretValue(name, value));
    if (!values_.emplace(Key(ns, name), std::string(value)).second) {
      return controller::SecretExists(ns, name);
    }
    return absl::OkStatus();
  }
  absl::Status Update(std::string_view ns, std::string_view name, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(controller::CheckSecretName(ns, name));
    RETURN_IF_ERROR(controller::CheckSecretValue(name, value));
    const auto it = values_.find(Key(ns, name));
    if (it == values_.end()) return controller::SecretNotFound(ns, name);
    it->second = std::string(value);
    return absl::OkStatus();
  }
  absl::Status Remove(std::string_view ns, std::string_view name) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(controller::CheckSecretName(ns, name));
    if (values_.erase(Key(ns, name)) == 0) return controller::SecretNotFound(ns, name);
    return absl::OkStatus();
  }
  absl::StatusOr<std::map<std::string, std::string>> Versions(
      std::string_view ns, const std::vector<std::string>& names) const override {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> out;
    for (const auto& name : names) {
      RETURN_IF_ERROR(controller::CheckSecretName(ns, name));
      const auto it = values_.find(Key(ns, name));
      if (it == values_.end()) {
        return NotFound("missing: secret \"" + name + "\"; create it first");
      }
      out[name] = std::to_string(std::hash<std::string>()("salt" + it->second));
    }
    return out;
  }

 private:
  static std::pair<std::string, std::string> Key(std::string_view ns, std::string_view name) {
    return {std::string(ns), std::string(name)};
  }
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> values_;
};

}  // namespace hearth::fakes
