#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/net/address.h"
#include "core/net/loop.h"
#include "gateway/proxy/interfaces.h"
#include "gateway/proxy/options.h"
#include "gateway/route/table.h"

namespace hearth::proxy {

class Worker;

// The whole data path: one Worker on each loop. It exists to be what main and the tests construct.
// The loops belong to the caller, who runs each on its own thread from Listen until Drain is done
// and Stop was called. Methods may be called from any thread unless they say otherwise.
class DataPath {
 public:
  DataPath(std::vector<net::Loop*> loops, Options options, Dependencies dependencies);
  ~DataPath();  // after the loops have stopped

  // Opens the socket on every loop (SO_REUSEPORT; a Unix socket on the first loop only). A loop
  // that has more than its share hands accepted connections on to the one that has least. Before
  // the loops run, or on the first loop's thread. Returns the address with the port the kernel
  // chose.
  absl::StatusOr<net::Address> Listen(const net::Address& address, ListenerKind kind,
                                      unsigned unix_mode = 0600);
  // The same on sockets that listen already, a predecessor's: all of them are served, by however
  // many loops there are, because connections wait in each.
  absl::StatusOr<net::Address> TakeOver(std::vector<UniqueFd> sockets, ListenerKind kind);
  // What listens on an address that Listen or TakeOver returned: each socket once.
  std::vector<int> Descriptors(const net::Address& bound) const;

  // Between Listen and the loops' start: nothing is accepted before Open.
  void HoldBack();
  void Open();

  // Replaces the routes on every loop. `done` runs on one of the loops once all of them route by
  // the new table: from then on no request goes to a replica that is not in it.
  void Install(std::shared_ptr<const route::Table> table, std::function<void()> done = {});

  // Accepts nothing more; what waits to be accepted is taken first, unless a successor has the
  // sockets too. `done` runs on one of the loops, once it is true for all.
  void StopAccepting(bool has_successor, std::function<void()> done);
  // Stops accepting, answers with Connection: close, tells WebSockets to go (1001). `done` runs on
  // one of the loops. Called again it only shortens the times.
  void Drain(const DrainTimes& times, std::function<void()> done);

  size_t loop_count() const { return workers_.size(); }
  uint64_t connections() const;  // open client connections, over all loops
  uint64_t exchanges() const;    // requests being served

 private:
  net::Loop::AcceptCallback SpreadFrom(size_t own, ListenerKind kind);

  const Options options_;
  const Dependencies dependencies_;
  const std::vector<net::Loop*> loops_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

// CPUs this process may use: the cgroup's quota, rounded up, and not more than its affinity mask.
unsigned AvailableCpus();

}  // namespace hearth::proxy
