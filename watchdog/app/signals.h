#pragma once

#include <functional>
#include <memory>

#include "core/net/loop.h"

namespace hearth::watchdog {

// Turns signals into calls on the loop's thread. Owned by main.
class SignalReader final : public net::StreamHandler {
 public:
  // `fd`: of WatchedSignals().
  SignalReader(net::Loop& loop, int fd, std::function<void()> on_child,
               std::function<void()> on_terminate);
  ~SignalReader() override;
  void OnReadable() override;
  void OnWritable() override {}

 private:
  std::unique_ptr<net::Stream> stream_;
  std::function<void()> on_child_;
  std::function<void()> on_terminate_;
};

}  // namespace hearth::watchdog
