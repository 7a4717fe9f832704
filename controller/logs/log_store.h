#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

struct LogLine {
  WallTime time{};
  std::string instance;  // the replica
  std::string stream;    // stdout, stderr or platform
  std::string call_id;
  std::string text;
};

struct LogQuery {
  FunctionKey function;
  std::string instance;          // empty: all of them
  std::optional<uint64_t> tail;  // the last so many; unset: all
  std::optional<WallTime> since;
};

// Continues where a query ended: returns what was written since, in the order of time as far as it
// is known. One thread at a time.
class LogCursor {
 public:
  virtual ~LogCursor() = default;
  virtual std::vector<LogLine> Next(size_t max_lines) = 0;  // empty: nothing new now
};

// The two files of one replica's ring, open for appending.
struct LogRing {
  int a = -1;
  int b = -1;
};

// The logs of every function: logs/NS/NAME/REPLICA.{a,b}, rings that the watchdogs write and that
// outlive their replicas, bounded for a function as a whole. Thread-safe; no thread of its own.
class LogStore {
 public:
  LogStore(std::string folder, uint64_t max_bytes_per_function);

  // Creates the ring's files; the caller owns the descriptors.
  absl::StatusOr<LogRing> OpenRing(const FunctionKey& function, const ReplicaId& replica);
  // A line of the platform's own in a replica's log ("killed: out of memory").
  void AppendPlatform(const FunctionKey& function, const ReplicaId& replica, std::string_view text,
                      WallTime now);

  std::vector<LogLine> Query(const LogQuery& query) const;
  std::unique_ptr<LogCursor> Follow(const LogQuery& query) const;  // begins with Query's lines
  std::vector<std::string> LastLines(const FunctionKey& function, const ReplicaId& replica,
                                     size_t count) const;

  // Removes the oldest rings of replicas that are not in `live` while the function is over its
  // bound. `ring_bytes` of a new replica so stay within it.
  void Prune(const FunctionKey& function, const std::vector<ReplicaId>& live);
  void RemoveFunction(const FunctionKey& function);
  uint64_t ring_bytes() const;  // HEARTH_LOG_MAX of one replica

 private:
  std::string FunctionFolder(const FunctionKey& function) const;

  const std::string folder_;
  const uint64_t max_bytes_;
};

}  // namespace hearth::controller
