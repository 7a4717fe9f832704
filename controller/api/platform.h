#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/reconcile/status.h"
#include "controller/store/store.h"
#include "core/base/ids.h"
#include "core/model/function.h"

namespace hearth::controller {

struct FunctionView {
  model::Function function;
  FunctionStatus status;
  uint64_t invocations = 0;
};

enum class ApplyMode : uint8_t { kCreate, kUpdate, kCreateOrUpdate };
enum class ApplyEffect : uint8_t { kReal, kDryRun };
enum class ApplyResult : uint8_t { kCreated, kConfigured, kUnchanged };

struct Applied {
  ApplyResult result = ApplyResult::kCreated;
  FunctionView view;
};

// What the management API is a door to: the operations on the desired state, free of HTTP and JSON.
// Implemented by the application. Thread-safe. What is accepted is durable when a call returns, and
// seen by the next read; what is refused has changed nothing.
class Platform {
 public:
  virtual ~Platform() = default;

  // InvalidArgument: something is wrong with it (a message that begins with a field's path names
  // that field). AlreadyExists: kCreate, or the name is taken by another door. NotFound: kUpdate.
  virtual absl::StatusOr<Applied> Apply(model::Function function, ApplyMode mode,
                                        ApplyEffect effect) = 0;
  virtual absl::Status Delete(const FunctionKey& key) = 0;
  virtual absl::StatusOr<FunctionView> Get(const FunctionKey& key) const = 0;
  virtual std::vector<FunctionView> List(const std::string& ns) const = 0;  // empty: all
  // Sets spec.replicas; unset gives the number back to the autoscaler.
  virtual absl::Status Scale(const FunctionKey& key, std::optional<uint32_t> replicas) = 0;

  virtual const std::string& default_namespace() const = 0;
  virtual std::vector<Namespace> Namespaces() const = 0;  // the default one first
  virtual absl::Status CreateNamespace(Namespace ns) = 0;
  virtual absl::Status UpdateNamespace(Namespace ns) = 0;
  virtual absl::Status DeleteNamespace(const std::string& name) = 0;

  virtual absl::StatusOr<std::vector<std::string>> Secrets(const std::string& ns) const = 0;
  virtual absl::Status CreateSecret(const std::string& ns, const std::string& name,
                                    std::string_view value) = 0;
  virtual absl::Status UpdateSecret(const std::string& ns, const std::string& name,
                                    std::string_view value) = 0;
  virtual absl::Status RemoveSecret(const std::string& ns, const std::string& name) = 0;
};

}  // namespace hearth::controller
