#pragma once

namespace hearth::gateway {

// Tells whoever started this process that clients can connect: "READY=1\n" to the descriptor
// (-1: none), which is closed then, and to systemd where $NOTIFY_SOCKET is set.
void NotifyReady(int fd);

}  // namespace hearth::gateway
