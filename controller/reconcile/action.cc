#include "controller/reconcile/action.h"

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

struct Printer {
  std::string operator()(const CreateReplicas& a) const {
    return Cat("create ", a.revision.value(), " x", a.count);
  }
  std::string operator()(const PublishRoutes& a) const { return "route " + ToText(a.routes); }
  std::string operator()(const WithdrawRoutes&) const { return "unroute"; }
  std::string operator()(const DrainReplica& a) const {
    return Cat("drain ", a.id.value(), " within ", FormatDuration(a.grace));
  }
  std::string operator()(const KillReplica& a) const {
    return Cat("kill ", a.id.value(), ": ", a.why);
  }
  std::string operator()(const MarkProven& a) const { return "proven " + a.revision.value(); }
  std::string operator()(const SetServing& a) const { return "serve " + a.revision.value(); }
  std::string operator()(const ForgetFunction&) const { return "forget"; }
};

}  // namespace

bool RouteSet::Contains(const ReplicaId& id) const {
  return std::any_of(shares.begin(), shares.end(), [&](const Share& share) {
    return std::find(share.replicas.begin(), share.replicas.end(), id) != share.replicas.end();
  });
}

std::string ToText(const RouteSet& routes) {
  std::string text;
  for (const auto& share : routes.shares) {
    if (!text.empty()) text += ' ';
    text += Cat(share.revision.value(), "*", share.weight, "[");
    for (size_t i = 0; i < share.replicas.size(); ++i) {
      if (i > 0) text += ',';
      text += share.replicas[i].value();
    }
    text += ']';
  }
  if (text.empty()) text = "none";
  if (!routes.unavailable_reason.empty()) text += Cat(" (", routes.unavailable_reason, ")");
  return text;
}

std::string ToText(const Action& action) { return std::visit(Printer{}, action); }

}  // namespace hearth::controller
