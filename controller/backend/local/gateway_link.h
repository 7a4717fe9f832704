#pragma once

#include <string>

namespace hearth::controller {

// Gives every sandbox the gateway's socket and nothing else: a folder of its own that holds a hard
// link to it. A gateway that restarts makes a new socket, so the link is renewed; sandboxes that
// run see the new one, because they have the folder. Refresh is thread-safe against itself through
// the file system.
class GatewayLink {
 public:
  GatewayLink() = default;
  GatewayLink(std::string socket, std::string folder)
      : socket_(std::move(socket)), folder_(std::move(folder)) {}

  bool enabled() const { return !socket_.empty(); }
  const std::string& folder() const { return folder_; }
  static constexpr const char* kName = "gateway.sock";
  void Refresh() const;

 private:
  std::string socket_;
  std::string folder_;
};

}  // namespace hearth::controller
