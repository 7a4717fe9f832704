#include "controller/app/function_entry.h"

#include <algorithm>

namespace hearth::controller {
namespace {

constexpr size_t kMostProven = 16;

}  // namespace

bool FunctionEntry::IsProven(const RevisionId& id) const {
  return std::find(proven.begin(), proven.end(), id) != proven.end();
}

void FunctionEntry::AddProven(const RevisionId& id) {
  if (IsProven(id)) return;
  proven.push_back(id);
  // The one that serves is never forgotten.
  while (proven.size() > kMostProven) {
    const auto oldest = std::find_if(proven.begin(), proven.end(),
                                     [this](const RevisionId& r) { return r != serving; });
    proven.erase(oldest);
  }
}

bool FunctionEntry::AnyReady() const {
  return std::any_of(replicas.begin(), replicas.end(), [](const auto& r) {
    return r.second.replica.state == model::ReplicaState::kReady;
  });
}

bool FunctionEntry::AnyLive() const {
  return std::any_of(replicas.begin(), replicas.end(), [](const auto& r) {
    const model::ReplicaState state = r.second.replica.state;
    return !r.second.killed &&
           (state == model::ReplicaState::kReady || state == model::ReplicaState::kStarting);
  });
}

}  // namespace hearth::controller
