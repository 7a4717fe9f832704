#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/net/http_client.h"
#include "core/net/loop.h"

namespace hearth::watchdog {

// Tells the controller that the replica is ready: POSTs the status document until somebody takes
// it. Belongs to the loop's thread; owned by the App.
class Announcer final : public net::ClientHandler {
 public:
  Announcer(net::Loop& loop, const net::Url& url, std::string token,
            std::function<std::string()> document);
  void Announce();

  void OnHead(const net::ClientResponse& head) override;
  void OnData(std::string_view) override {}
  void OnEnd(const net::Headers& trailers) override;
  void OnError(const absl::Status& error) override;

 private:
  void Retry();

  net::Loop& loop_;
  net::ClientRequest request_;
  std::function<std::string()> document_;
  std::unique_ptr<net::ClientExchange> exchange_;
  net::Timer retry_;
  Duration delay_{};
  bool accepted_ = false;
};

}  // namespace hearth::watchdog
