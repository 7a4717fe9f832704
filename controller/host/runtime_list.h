#pragma once

#include <vector>

#include "controller/api/api.h"

namespace hearth::controller {

class RuntimeCatalog;

// The catalog as the management API shows it. May run the runtimes' version commands once.
std::vector<RuntimeInfo> ListRuntimes(RuntimeCatalog& catalog);

}  // namespace hearth::controller
