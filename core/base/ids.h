#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace hearth {

// A string with a meaning of its own: two ids of different kinds do not mix.
template <typename Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}
  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const StrongId&) const = default;

 private:
  std::string value_;
};

using RevisionId = StrongId<struct RevisionTag>;  // "r-" + 16 hex digits of the spec's digest
using ReplicaId = StrongId<struct ReplicaTag>;    // revision + "-" + 6 random base-36 digits
using CallId = StrongId<struct CallTag>;          // UUID, as in X-Call-Id
using GatewayId = StrongId<struct GatewayTag>;

// Names one function. Text form everywhere outside Kubernetes: "name.namespace".
struct FunctionKey {
  std::string ns;
  std::string name;
  auto operator<=>(const FunctionKey&) const = default;
  std::string Text() const { return name + "." + ns; }
};

}  // namespace hearth

template <typename Tag>
struct std::hash<hearth::StrongId<Tag>> {
  size_t operator()(const hearth::StrongId<Tag>& id) const noexcept {
    return std::hash<std::string>()(id.value());
  }
};
template <>
struct std::hash<hearth::FunctionKey> {
  size_t operator()(const hearth::FunctionKey& k) const noexcept {
    return std::hash<std::string>()(k.name) * 31 + std::hash<std::string>()(k.ns);
  }
};
