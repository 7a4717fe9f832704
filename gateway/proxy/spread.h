#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth::proxy {

// Which loop takes a connection that the kernel gave to loop `own`. The kernel deals connections
// out by a hash, so that one loop may get most of the work while another has none; a connection
// stays where it is for life. It moves only where that makes a difference, because moving costs
// some ten microseconds. `loads` has an entry for each loop.
size_t ChooseLoop(std::span<const uint64_t> loads, size_t own);

}  // namespace hearth::proxy
