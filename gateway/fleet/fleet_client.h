#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "gateway/fleet/controller_info.h"
#include "gateway/fleet/epoch_gate.h"
#include "gateway/fleet/link.h"
#include "gateway/fleet/outbox.h"
#include "gateway/fleet/route_mirror.h"
#include "gateway/route/route_store.h"

namespace hearth::fleet {

struct FleetOptions {
  std::vector<std::string> controllers;  // "unix:/path" or "host:port"
  TlsFiles tls;
  std::string gateway_id;
  std::string version;
  std::string function_url;
  std::string route_cache;                         // file; empty: none
  Duration cache_delay = std::chrono::seconds(1);  // of the file behind the routes
};

struct FleetStatus {
  bool has_routes = false;  // from a controller or from the cache
  bool from_cache = false;
  std::optional<ControllerInfo> controller;
  uint64_t newest_epoch = 0;
  uint64_t sequence = 0;
  size_t functions = 0;
};

// The gateway's side of the contract with the controllers: dials all of them, obeys one, turns what
// it says into route tables and tells it about demand. Its threads are its own; a warm request
// never meets it. Owned by the application, which stops it before the data path.
class FleetClient final : private LinkOwner {
 public:
  // `done` is to be called, on any thread, once every loop routes by the table.
  using Install =
      std::function<void(std::shared_ptr<const route::Table> table, std::function<void()> done)>;
  using OnController = std::function<void(std::optional<ControllerInfo>)>;

  // `store` is used under a lock of the client's: nobody else calls it once Start has been called.
  FleetClient(FleetOptions options, Outbox* outbox, route::RouteStore* store, Install install,
              OnController on_controller, const log::Logger& logger);
  ~FleetClient() override;

  // Installs the cached routes, if there are any, then begins to dial.
  void Start();
  void Stop();  // waits for its threads; what is not on disk yet is written

  FleetStatus status() const;
  // Writes the cache now, if it is behind. For tests and Stop.
  absl::Status Flush();

 private:
  v1::GatewayHello Hello() const override;
  Next OnMessage(size_t link, const v1::ControllerMessage& message) override;
  void OnLost(size_t link, const std::string& reason) override;
  uint64_t SessionOf(size_t link) const override;
  std::vector<v1::GatewayMessage> NextToWrite(uint64_t session) override;

  void OnHello(size_t link, const v1::ControllerMessage& message);
  Next OnRoutes(size_t link, const v1::ControllerMessage& message);
  void InstallCurrent(std::shared_ptr<const route::Table> table);  // mutex_ held
  void EndSession();                                               // mutex_ held
  void LoadCache();
  void SaveLoop();

  const FleetOptions options_;
  Outbox* const outbox_;
  const Install install_;
  const OnController on_controller_;
  const log::Logger logger_;

  mutable std::mutex mutex_;  // guards what follows
  route::RouteStore* const store_;
  EpochGate gate_;
  RouteMirror mirror_;
  std::optional<ControllerInfo> controller_;
  uint64_t session_ = 0;  // of the obeyed link
  bool has_routes_ = false;
  bool from_cache_ = false;
  bool dirty_ = false;  // the cache file is behind
  bool stopping_ = false;
  std::condition_variable save_wake_;

  std::mutex save_mutex_;               // one save at a time; taken before mutex_
  std::atomic<size_t> saved_bytes_{0};  // by the last save
  std::vector<std::unique_ptr<Link>> links_;
  std::thread saver_;
};

}  // namespace hearth::fleet
