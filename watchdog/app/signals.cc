#include "watchdog/app/signals.h"

#include <sys/signalfd.h>

#include <csignal>
#include <cstring>

namespace hearth::watchdog {

SignalReader::SignalReader(net::Loop& loop, int fd, std::function<void()> on_child,
                           std::function<void()> on_terminate)
    : stream_(loop.Adopt(fd)),
      on_child_(std::move(on_child)),
      on_terminate_(std::move(on_terminate)) {
  stream_->SetHandler(this);
}

SignalReader::~SignalReader() { stream_->SetHandler(nullptr); }

void SignalReader::OnReadable() {
  char buffer[16 * sizeof(signalfd_siginfo)];
  bool child = false;
  bool terminate = false;
  while (true) {
    const net::IoResult r = stream_->Read(buffer);
    if (r.status != net::IoStatus::kOk) break;
    for (size_t at = 0; at + sizeof(signalfd_siginfo) <= r.bytes; at += sizeof(signalfd_siginfo)) {
      signalfd_siginfo info;
      std::memcpy(&info, buffer + at, sizeof info);
      (info.ssi_signo == SIGCHLD ? child : terminate) = true;
    }
  }
  if (child) on_child_();
  if (terminate) on_terminate_();
}

}  // namespace hearth::watchdog
