#pragma once

#include "core/net/address.h"

namespace hearth::watchdog {

// `-run-healthcheck`: asks the watchdog that listens there for /_/health. 0 where it is well, else
// 1 and the reason on standard error.
int RunHealthCheck(const net::Address& listen);

}  // namespace hearth::watchdog
