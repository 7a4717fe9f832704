#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::model {

enum class ReplicaState : uint8_t {
  kStarting,  // created; not yet announced
  kReady,     // announced: may take requests
  kDraining,  // out of the routes; finishing what is inside
  kFailed,    // exited, crashed or never became ready; kept only until it is replaced
  kGone,
};

struct Replica {
  ReplicaId id;
  FunctionKey function;
  RevisionId revision;
  ReplicaState state = ReplicaState::kStarting;
  std::string address;  // "unix:/path" or "ip:port", as routes carry it
  std::string token;
  uint32_t capacity = 0;  // 0: unlimited
  MonotonicTime created{};
  MonotonicTime changed{};  // since when it has been in this state
  std::string reason;       // of kFailed: "exit 1", "killed: out of memory", "not ready after 60 s"
};

std::string_view ToString(ReplicaState state);

}  // namespace hearth::model
