#pragma once

#include <memory>

#include "cli/client/transport.h"

namespace hearth::cli {

// Streams over plain HTTP on core/net, which neither buffers nor waits for whole blocks; everything
// else goes to `rest`.
std::unique_ptr<Transport> NewNetTransport(std::unique_ptr<Transport> rest);

}  // namespace hearth::cli
