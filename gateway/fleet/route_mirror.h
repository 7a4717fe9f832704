#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/ids.h"

namespace hearth::v1 {
class RouteSnapshot;
class RouteDelta;
}  // namespace hearth::v1

namespace hearth::fleet {

// What the obeyed controller has said so far, message by message checked for gaps, and kept in wire
// form so that it can be written to disk as a whole. Pure; guarded by its owner.
class RouteMirror {
 public:
  enum class Result : uint8_t {
    kApplied,
    kRepeated,    // already applied: ignored
    kGap,         // a delta is missing: a new snapshot is needed
    kNoSnapshot,  // a delta before any snapshot: likewise
  };

  Result Apply(const v1::RouteSnapshot& snapshot);
  Result Apply(const v1::RouteDelta& delta);
  // Before the first message of another stream: its sequence numbers are its own.
  void ExpectSnapshot() { synced_ = false; }

  bool synced() const { return synced_; }
  uint64_t sequence() const { return sequence_; }
  size_t size() const { return routes_.size(); }
  // The functions as a RouteSnapshot on the wire, up to `most` of them at a time, so that whoever
  // guards this can let others in between: those after `*after`, which becomes the last one's key.
  // False: there are no more.
  bool AppendTo(std::string* snapshot, FunctionKey* after, size_t most) const;

 private:
  // FunctionRoute, serialized; ordered, so that a walk can go on where it was.
  std::map<FunctionKey, std::string> routes_;
  uint64_t sequence_ = 0;
  bool synced_ = false;
};

}  // namespace hearth::fleet
