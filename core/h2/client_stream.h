#pragma once

#include <memory>

#include "core/h2/options.h"
#include "core/net/loop.h"

namespace hearth::h2 {

// A connection to a server that speaks HTTP/2 without TLS (prior knowledge), as a connection that
// speaks HTTP/1.1: one request at a time, one HTTP/2 stream each, trailers both ways, both bodies
// under way at once. So a pool of connections serves h2c servers with the code that serves all
// others (docs/adr/0004-http2.md). Does not end the connection where the server has not asked for
// it: it may be kept and used again. An answer that comes before the request is whole ends it.
std::unique_ptr<net::Stream> NewClientStream(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                             const Options& options = {});

}  // namespace hearth::h2
