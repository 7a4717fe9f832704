#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/log/log.h"
#include "gateway/handover/wire.h"

namespace hearth::handover {

// The predecessor's side: gives whoever asks at the socket what this gateway listens on, and tells
// the application when a successor serves. One at a time; a successor that fails is let go, and the
// next may ask. It has a thread of its own because it waits, and copies of the descriptors because
// the loops may close theirs meanwhile. Owned by the application.
class Server {
 public:
  // `has_routes`: whether this gateway can route, asked for each successor. `on_go` runs on this
  // object's thread, once: nothing may be accepted after it has returned.
  Server(UniqueFd listener, std::vector<PassedSocket> sockets, std::function<bool()> has_routes,
         std::function<void()> on_go, const log::Logger& logger);
  ~Server();  // Stop

  void Start();
  // Ends a take-over that has not come to "go", and closes the copies. Not from on_go.
  void Stop();

 private:
  void Run();
  // True once a successor has taken over.
  bool Serve(int connection);
  absl::Status Offer(int connection);

  UniqueFd listener_;
  UniqueFd wake_;
  std::vector<PassedSocket> sockets_;
  const std::function<bool()> has_routes_;
  const std::function<void()> on_go_;
  const log::Logger logger_;
  std::thread thread_;
};

}  // namespace hearth::handover
