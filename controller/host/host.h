#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>

#include "controller/host/options.h"
#include "core/base/clock.h"
#include "core/log/log.h"

namespace hearth::controller {

// The controller of one machine, put together: the store, the stores of code, images, logs and
// secrets, the local backend, the application, and the ways in. It decides nothing. Its owner is
// main.
class Host {
 public:
  // `options` resolved; `clock` outlives it.
  Host(HostOptions options, const Clock& clock, log::Logger logger);
  ~Host();

  absl::Status Start();
  // A clean stop: no more changes, then every replica drained, or left to the next start.
  void Stop(bool keep_replicas);
  std::string api_address() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
