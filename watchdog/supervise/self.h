#pragma once

namespace hearth::watchdog {

// Makes this process fit to supervise: adopts orphans (subreaper, where it is not PID 1), keeps
// others from reading its memory and environment, marks every inherited descriptor close-on-exec,
// ignores SIGPIPE, and blocks the signals that WatchedSignals delivers. Called once, first.
void PrepareSelf();

// A descriptor (signalfd) that yields SIGCHLD, SIGTERM and SIGINT; -1 on failure.
int WatchedSignals();

}  // namespace hearth::watchdog
