#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/net/loop.h"
#include "watchdog/config/config.h"
#include "watchdog/wire/upstream_connection.h"

namespace hearth::watchdog {

enum class ProbeResult : uint8_t {
  kRefused,   // no connection
  kSilent,    // connected; no answer in time
  kAnswered,  // connected, or any HTTP answer where one was asked for
  kWell,      // 2xx
};

// Asks the function's server once whether it is there: by a connection, or by a request. Belongs to
// the loop's thread; destroying it cancels it.
class ReadinessProbe final : public UpstreamHandler, public UpstreamOwner {
 public:
  // `request`: a whole request head; empty: a connection is enough.
  ReadinessProbe(net::Loop& loop, const Upstream& upstream, std::string request, Duration timeout,
                 std::function<void(ProbeResult)> on_done);
  ~ReadinessProbe() override;

  void OnResponseHead(const http::ResponseHead& head) override;
  void OnResponseData(std::string_view) override {}
  void OnResponseEnd(std::string_view) override {}
  void OnUpstreamWritable() override {}
  void OnUpstreamFailed(UpstreamFailure failure) override;
  void OnUpstreamClosed(UpstreamConnection&) override {}

 private:
  void Done(ProbeResult result);

  net::Loop& loop_;
  std::string request_;
  std::function<void(ProbeResult)> on_done_;
  net::Timer timer_;
  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<UpstreamConnection> connection_;
};

}  // namespace hearth::watchdog
