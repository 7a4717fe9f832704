#pragma once

#include <memory>

#include "cli/client/transport.h"

namespace hearth::cli {

// On cpprestsdk: JSON calls, and everything over TLS. The only file that includes the library.
std::unique_ptr<Transport> NewRestTransport(Certificates certificates);

}  // namespace hearth::cli
