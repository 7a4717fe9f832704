#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

// Which replicas take the requests of a function.
struct RouteSet {
  struct Share {
    RevisionId revision;
    uint32_t weight = 0;  // of 10,000
    std::vector<ReplicaId> replicas;
    bool operator==(const Share&) const = default;
  };
  std::vector<Share> shares;
  std::string unavailable_reason;  // told to callers while nothing can serve
  bool operator==(const RouteSet&) const = default;
  bool Contains(const ReplicaId& id) const;
};
inline constexpr uint32_t kWholeWeight = 10'000;

struct CreateReplicas {
  RevisionId revision;
  uint32_t count = 0;
  bool operator==(const CreateReplicas&) const = default;
};
struct PublishRoutes {
  RouteSet routes;
  bool operator==(const PublishRoutes&) const = default;
};
struct WithdrawRoutes {
  bool operator==(const WithdrawRoutes&) const = default;
};
struct DrainReplica {
  ReplicaId id;
  Duration grace{};
  bool operator==(const DrainReplica&) const = default;
};
struct KillReplica {
  ReplicaId id;
  std::string why;
  bool operator==(const KillReplica&) const = default;
};
// Remembered for good: this revision has answered once.
struct MarkProven {
  RevisionId revision;
  bool operator==(const MarkProven&) const = default;
};
// This revision takes the traffic from now on.
struct SetServing {
  RevisionId revision;
  bool operator==(const SetServing&) const = default;
};
// A deleted function of which nothing is left.
struct ForgetFunction {
  bool operator==(const ForgetFunction&) const = default;
};

// Everything Plan can ask for. Closed: an executor that handles each handles all.
using Action = std::variant<CreateReplicas, PublishRoutes, WithdrawRoutes, DrainReplica,
                            KillReplica, MarkProven, SetServing, ForgetFunction>;

std::string ToText(const RouteSet& routes);  // "r-1*10000[a,b]"
std::string ToText(const Action& action);    // one stable line: "create r-1 x2"

}  // namespace hearth::controller
