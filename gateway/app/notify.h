#pragma once

namespace hearth::gateway {

// Tells whoever started this process that clients can connect: "READY=1\n" to the descriptor
// (-1: none), which is closed then, and to systemd where $NOTIFY_SOCKET is set. systemd is also
// told that this is the service's process now, where it `took_over` from the one that was.
void NotifyReady(int fd, bool took_over);

}  // namespace hearth::gateway
