#include "gateway/fleet/route_mirror.h"

#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

FunctionKey KeyOf(const auto& message) { return {message.namespace_(), message.name()}; }

void AppendVarint(size_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>((value & 0x7f) | 0x80));
  out->push_back(static_cast<char>(value));
}

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

bool RouteMirror::AppendTo(std::string* snapshot, FunctionKey* after, size_t most) const {
  if (*after == FunctionKey{} && sequence_ != 0) {
    AppendVarint(v1::RouteSnapshot::kSequenceFieldNumber << 3, snapshot);
    AppendVarint(sequence_, snapshot);
  }
  auto it = routes_.upper_bound(*after);
  for (; most > 0 && it != routes_.end(); --most, ++it) {
    AppendVarint(v1::RouteSnapshot::kFunctionsFieldNumber << 3 | 2, snapshot);
    AppendVarint(it->second.size(), snapshot);
    snapshot->append(it->second);
    *after = it->first;
  }
  return it != routes_.end();
}

}  // namespace hearth::fleet
