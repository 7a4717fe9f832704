#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/api/platform.h"
#include "core/base/absl_compat.h"
#include "core/model/validate.h"
#include "tests/fakes/fake_store.h"

namespace hearth::controller {

// The desired state in a map, with the refusals that handlers have to pass on.
class FakePlatform final : public Platform {
 public:
  std::map<FunctionKey, FunctionView> functions;
  std::map<std::string, Namespace> namespaces{{"default", {"default", {}, {}, {}}}};
  fakes::FakeSecretStore secrets;
  absl::Status refuse;  // Apply's answer while it is not OK

  absl::StatusOr<Applied> Apply(model::Function f, ApplyMode mode, ApplyEffect effect) override {
    if (!refuse.ok()) return refuse;
    const auto problems = model::Validate(f.key, f.spec);
    if (!problems.empty()) return model::ToStatus(problems);
    const auto it = functions.find(f.key);
    if (it == functions.end() && mode == ApplyMode::kUpdate) return NotFound("no such function");
    if (it != functions.end() && mode == ApplyMode::kCreate) return AlreadyExists("exists");
    ApplyResult result = ApplyResult::kCreated;
    if (it != functions.end()) {
      result =
          it->second.function.spec == f.spec ? ApplyResult::kUnchanged : ApplyResult::kConfigured;
    }
    FunctionView view;
    view.function = f;
    view.status.desired = f.spec.scaling.min;
    view.status.observed_generation = 1;
    view.status.conditions = {{"Ready", ConditionStatus::kTrue, "Serving", "fine", {}}};
    view.invocations = 3;
    if (effect == ApplyEffect::kReal) functions[f.key] = view;
    return Applied{result, view};
  }
  absl::Status Delete(const FunctionKey& key) override {
    return functions.erase(key) > 0 ? absl::OkStatus() : NotFound("no such function");
  }
  absl::StatusOr<FunctionView> Get(const FunctionKey& key) const override {
    const auto it = functions.find(key);
    if (it == functions.end()) return NotFound("there is no function " + key.Text());
    return it->second;
  }
  std::vector<FunctionView> List(const std::string& ns) const override {
    std::vector<FunctionView> out;
    for (const auto& [key, view] : functions) {
      if (ns.empty() || key.ns == ns) out.push_back(view);
    }
    return out;
  }
  absl::Status Scale(const FunctionKey& key, std::optional<uint32_t> replicas) override {
    const auto it = functions.find(key);
    if (it == functions.end()) return NotFound("no such function");
    it->second.function.spec.replicas = replicas;
    it->second.status.desired = replicas.value_or(0);
    return absl::OkStatus();
  }
  const std::string& default_namespace() const override { return default_namespace_; }
  std::vector<Namespace> Namespaces() const override {
    std::vector<Namespace> out;
    for (const auto& [name, ns] : namespaces) out.push_back(ns);
    return out;
  }
  absl::Status CreateNamespace(Namespace ns) override {
    const std::string name = ns.name;
    return namespaces.emplace(name, std::move(ns)).second ? absl::OkStatus()
                                                          : AlreadyExists("exists");
  }
  absl::Status UpdateNamespace(Namespace ns) override {
    if (!namespaces.contains(ns.name)) return NotFound("no such namespace");
    namespaces[ns.name] = ns;
    return absl::OkStatus();
  }
  absl::Status DeleteNamespace(const std::string& name) override {
    return namespaces.erase(name) > 0 ? absl::OkStatus() : NotFound("no such namespace");
  }
  absl::StatusOr<std::vector<std::string>> Secrets(const std::string& ns) const override {
    return secrets.List(ns);
  }
  absl::Status CreateSecret(const std::string& ns, const std::string& name,
                            std::string_view value) override {
    return secrets.Create(ns, name, value);
  }
  absl::Status UpdateSecret(const std::string& ns, const std::string& name,
                            std::string_view value) override {
    return secrets.Update(ns, name, value);
  }
  absl::Status RemoveSecret(const std::string& ns, const std::string& name) override {
    return secrets.Remove(ns, name);
  }

 private:
  std::string default_namespace_ = "default";
};

}  // namespace hearth::controller
