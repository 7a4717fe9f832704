#include "watchdog/app/health_check.h"

#include <cstdio>
#include <string>

#include "core/base/absl_compat.h"
#include "core/net/http_client.h"

namespace hearth::watchdog {

int RunHealthCheck(const net::Address& listen) {
  net::ClientRequest request;
  request.address = listen;
  if (listen.kind == net::Address::Kind::kTcp) {
    if (listen.host == "0.0.0.0") request.address.host = "127.0.0.1";
    if (listen.host == "::") request.address.host = "::1";
  }
  request.target = "/_/health";
  request.head_timeout = std::chrono::seconds(5);
  const auto response = net::Fetch(request);
  if (!response.ok()) {
    std::fprintf(stderr, "hearth-watchdog: %s\n", std::string(Message(response.status())).c_str());
    return 1;
  }
  if (response->status == 200) return 0;
  std::fprintf(stderr, "hearth-watchdog: not well: status %d\n", response->status);
  return 1;
}

}  // namespace hearth::watchdog
