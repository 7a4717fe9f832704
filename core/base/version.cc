#include "core/base/version.h"

namespace hearth {

std::string_view Version() { return HEARTH_VERSION; }

}  // namespace hearth
