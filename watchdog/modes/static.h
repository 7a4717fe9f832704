#pragma once

#include <memory>
#include <string>

#include "core/base/unique_fd.h"
#include "watchdog/config/config.h"
#include "watchdog/front/mode.h"

namespace hearth::watchdog {

// static mode: files below a root. A path never leads out of it, symbolic links included. Belongs
// to the loop's thread; owned by the App.
class StaticMode final : public Mode {
 public:
  StaticMode(ModeHost& host, const Config& config);
  ~StaticMode() override;

  void Start() override;
  void Handle(Call& call) override;
  void Stop(std::function<void()> done) override { done(); }

 private:
  class FileCall;
  void ServeFile(Call& call, const std::string& name, UniqueFd file);
  void ServeFolder(Call& call, std::string name);
  void NotFound(Call& call);

  ModeHost& host_;
  const Config& config_;
  UniqueFd root_;
};

// Opens `name` for reading, only beneath the folder `root`; "" is the folder itself. Invalid with
// errno set where it cannot. Without openat2 symbolic links are refused altogether.
UniqueFd OpenBeneath(int root, const std::string& name);

}  // namespace hearth::watchdog
