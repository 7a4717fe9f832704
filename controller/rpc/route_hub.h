#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "controller/rpc/routes.h"
#include "core/base/ids.h"

namespace hearth::controller {

// One message to one gateway. The first on a stream is a snapshot; sequences count up by one.
struct RouteUpdate {
  uint64_t sequence = 0;
  bool snapshot = false;
  std::vector<std::shared_ptr<const FunctionRoutes>> upserts;
  std::vector<FunctionKey> deletes;
};

// The routes of all functions, and who has been told. It exists to answer one question exactly:
// does any live gateway still route to a replica that was taken out? Every change gets a version;
// each subscriber has its own sequence of messages, in which changes that it has not taken yet melt
// together (the latest state of a function wins, so what waits is bounded by the number of
// functions). Thread-safe; no thread of its own.
class RouteHub {
 private:
  struct Entry;
  struct State;

 public:
  // One gateway's stream. Shared by its reader and its writer.
  class Subscription {
   public:
    ~Subscription();
    // The next message; waits for it. nullopt: closed.
    std::optional<RouteUpdate> Next();
    std::optional<RouteUpdate> Poll();  // does not wait
    // The gateway routes by everything up to `sequence`. An unknown sequence changes nothing.
    void Ack(uint64_t sequence);
    // Stops counting and wakes Next.
    void Close();

   private:
    friend class RouteHub;
    explicit Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}
    bool HasUpdate() const { return !snapshot_sent_ || !pending_.empty(); }
    RouteUpdate TakeUpdate();

    const std::shared_ptr<State> state_;
    // All below is guarded by the hub's mutex.
    bool closed_ = false;
    bool snapshot_sent_ = false;
    uint64_t sequence_ = 0;
    uint64_t acked_version_ = 0;
    std::set<FunctionKey> pending_;
    std::deque<std::pair<uint64_t, uint64_t>> unacked_;  // sequence, version that it carries
  };

  RouteHub();
  ~RouteHub();

  // What a gateway routes by before it has acknowledged anything is older than this.
  static constexpr uint64_t kFirstVersion = 1;

  // The version from which on this holds: the present one where nothing changes.
  uint64_t Publish(FunctionRoutes routes);
  uint64_t Withdraw(const FunctionKey& function);

  struct Acknowledged {
    size_t gateways = 0;   // that are connected
    uint64_t version = 0;  // every one of them routes by it
  };
  Acknowledged acknowledged() const;

  std::shared_ptr<Subscription> Subscribe();
  size_t size() const;  // functions

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace hearth::controller
