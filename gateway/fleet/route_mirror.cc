#include "gateway/fleet/route_mirror.h"

#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

FunctionKey KeyOf(const auto& message) { return {message.namespace_(), message.name()}; }

}  // namespace

RouteMirror::Result RouteMirror::Apply(const v1::RouteSnapshot& snapshot) {
  routes_.clear();
  for (const v1::FunctionRoute& route : snapshot.functions()) {
    routes_[KeyOf(route)] = route.SerializeAsString();
  }
  sequence_ = snapshot.sequence();
  synced_ = true;
  return Result::kApplied;
}

RouteMirror::Result RouteMirror::Apply(const v1::RouteDelta& delta) {
  if (!synced_) return Result::kNoSnapshot;
  if (delta.sequence() <= sequence_) return Result::kRepeated;
  if (delta.sequence() != sequence_ + 1) {
    synced_ = false;
    return Result::kGap;
  }
  for (const v1::FunctionRef& ref : delta.deletes()) routes_.erase(KeyOf(ref));
  for (const v1::FunctionRoute& route : delta.upserts()) {
    routes_[KeyOf(route)] = route.SerializeAsString();
  }
  sequence_ = delta.sequence();
  return Result::kApplied;
}

v1::RouteSnapshot RouteMirror::ToSnapshot() const {
  v1::RouteSnapshot snapshot;
  snapshot.set_sequence(sequence_);
  snapshot.mutable_functions()->Reserve(static_cast<int>(routes_.size()));
  for (const auto& [key, bytes] : routes_) snapshot.add_functions()->ParseFromString(bytes);
  return snapshot;
}

}  // namespace hearth::fleet
