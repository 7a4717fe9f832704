#include "controller/reconcile/conditions.h"

#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

Condition ReadyFailing(const ConditionInput& in) {
  const Failures& f = *in.failures;
  const std::string& revision = in.function->revision.value();
  std::string message = Cat("revision ", revision, " does not become ready: ", f.reason);
  if (f.count > 1) {
    message +=
        Cat("; ", f.count, " attempts, the next ", FormatDuration(in.backoff), " after the last");
  }
  if (!in.serving.empty() && in.serving != in.function->revision) {
    message += Cat("; ", in.serving.value(), " keeps serving");
  }
  return {"Ready",
          ConditionStatus::kFalse,
          f.count > 1 ? "CrashLoop" : "RevisionFailed",
          std::move(message),
          {}};
}

Condition Ready(const ConditionInput& in) {
  const PlannedFunction& fn = *in.function;
  if (!fn.conflict.empty()) {
    return {"Ready", ConditionStatus::kFalse, "Conflict", fn.conflict, {}};
  }
  const bool target_serves = in.serving == fn.revision && in.available > 0;
  if (in.failures != nullptr && !target_serves) return ReadyFailing(in);
  switch (in.phase) {
    case RolloutPhase::kProving:
      return {"Ready",
              ConditionStatus::kUnknown,
              "Deploying",
              Cat("starting a replica to prove revision ", fn.revision.value()),
              {}};
    case RolloutPhase::kRollingOut:
      return {"Ready",
              ConditionStatus::kUnknown,
              "RollingOut",
              Cat("revision ", fn.revision.value(), " has answered and gets its replicas; ",
                  in.serving.value(), " serves until then"),
              {}};
    case RolloutPhase::kSteady:
      break;
  }
  if (in.available > 0) {
    return {"Ready",
            ConditionStatus::kTrue,
            "Serving",
            Cat(in.available, in.available == 1 ? " replica takes" : " replicas take", " requests"),
            {}};
  }
  if (in.starting > 0 || fn.desired > 0) {
    return {"Ready", ConditionStatus::kTrue, "Starting", "a replica is on its way", {}};
  }
  return {"Ready", ConditionStatus::kTrue, "ScaledToZero", "starts with the next request", {}};
}

Condition Active(const ConditionInput& in) {
  if (in.available > 0) {
    return {"Active", ConditionStatus::kTrue, "ReplicasReady", in.function->desired_reason, {}};
  }
  if (in.starting > 0) {
    return {"Active", ConditionStatus::kUnknown, "Starting", in.function->desired_reason, {}};
  }
  return {"Active", ConditionStatus::kFalse, "NoReplicas", in.function->desired_reason, {}};
}

}  // namespace

std::string FailureText(const Failures& failures) {
  return Cat(failures.count > 1 ? "crash loop: " : "failed to start: ", failures.reason);
}

std::vector<Condition> Conditions(const ConditionInput& in) {
  std::vector<Condition> out{Ready(in), Active(in)};
  if (!in.function->conflict.empty()) {
    out.push_back({"Conflict", ConditionStatus::kTrue, "NameTaken", in.function->conflict, {}});
  }
  return out;
}

}  // namespace hearth::controller
