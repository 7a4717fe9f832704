#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "watchdog/config/config.h"
#include "watchdog/front/mode.h"
#include "watchdog/modes/probe.h"
#include "watchdog/supervise/service.h"
#include "watchdog/wire/upstream_connection.h"

namespace hearth::watchdog {

// http mode: requests go to the function's own server over a pool of connections. Its process is
// replaced only where it no longer answers; a request that takes too long costs its connection.
// Without a command only the upstream is watched. Belongs to the loop's thread; owned by the App.
class ProxyMode final : public Mode, public ServiceObserver, public UpstreamOwner {
 public:
  ProxyMode(net::Loop& loop, Launcher& launcher, FunctionLog& log, ModeHost& host,
            const Config& config, LaunchSpec spec);
  ~ProxyMode() override;

  void Start() override;
  void Handle(Call& call) override;
  void Stop(std::function<void()> done) override;

  void OnServiceStarted() override;
  void OnServiceExit(const ExitInfo& exit) override;
  void OnServiceFailed(std::string_view reason) override;
  void OnUpstreamClosed(UpstreamConnection& connection) override;

  size_t idle_connections() const { return idle_.size(); }

 private:
  class ProxyCall;
  friend class ProxyCall;

  void Answering();  // the server has answered something: it is well
  void Probe();
  void OnProbe(ProbeResult result);
  // What keeps the server from being ready, for its owner.
  std::string Missing(ProbeResult result) const;
  void Began(ProxyCall& call) { active_.insert(&call); }
  void Ended(ProxyCall& call);
  void Suspect();
  void Judge();

  UpstreamConnection* TakeIdle();
  UpstreamConnection* Adopt(std::unique_ptr<net::Stream> stream);
  void GiveBack(UpstreamConnection* connection);
  void TrimIdle();

  net::Loop& loop_;
  FunctionLog& log_;
  ModeHost& host_;
  const Config& config_;
  std::unique_ptr<Service> service_;  // null without a command
  std::unique_ptr<ReadinessProbe> probe_;
  net::Timer probe_timer_;
  Duration probe_delay_{};
  bool ready_ = false;
  bool replacing_ = false;     // its process is being killed for that
  bool suspect_ = false;       // a request timed out and nothing has been answered since
  bool unresponsive_ = false;  // neither did it answer the probe

  net::Timer trim_timer_{[this] { TrimIdle(); }};
  net::BufferPool buffers_{8};
  std::unordered_set<ProxyCall*> active_;
  std::unordered_map<UpstreamConnection*, std::unique_ptr<UpstreamConnection>> connections_;
  std::vector<UpstreamConnection*> idle_;  // the most recently used last
  std::vector<std::unique_ptr<UpstreamConnection>> dead_;
};

}  // namespace hearth::watchdog
