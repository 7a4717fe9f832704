#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/http_client.h"
#include "core/net/loop.h"

namespace hearth::controller {

// What a watchdog says about itself (docs/reference/replica.md, "Control").
struct WatchdogStatus {
  std::string state;  // starting, ready, draining, failed
  std::string reason;
  uint64_t restarts = 0;
  std::string last_exit_reason;
  int64_t init_ms = 0;
  std::vector<std::string> last_output;
};
absl::StatusOr<WatchdogStatus> ParseWatchdogStatus(std::string_view json);

// Reads the event stream of one watchdog. Its end means that the watchdog is gone, because the
// kernel resets the connection when the last holder of the socket ends. Belongs to the loop's
// thread; destroying it ends the stream without a callback.
class ControlWatch final : private net::ClientHandler {
 public:
  using StatusCallback = std::function<void(const WatchdogStatus&)>;
  using EndCallback = std::function<void(const absl::Status&)>;

  // May be called before the watchdog runs: the request waits in the socket's backlog.
  // Either callback may destroy the watch.
  ControlWatch(net::Loop& loop, const std::string& control_socket, StatusCallback on_status,
               EndCallback on_end);
  ~ControlWatch() override;

 private:
  void OnHead(const net::ClientResponse& head) override;
  void OnData(std::string_view piece) override;
  void OnEnd(const net::Headers& trailers) override;
  void OnError(const absl::Status& error) override;
  void Finish(const absl::Status& status);

  StatusCallback on_status_;
  EndCallback on_end_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string line_;
  std::unique_ptr<net::ClientExchange> exchange_;
};

}  // namespace hearth::controller
