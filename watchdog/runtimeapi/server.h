#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/net/loop.h"
#include "watchdog/runtimeapi/state.h"
#include "watchdog/wire/server_connection.h"

namespace hearth::watchdog {

// A response that a runtime posts, piece by piece. Made by the RuntimeService at its head;
// destroyed after the last callback.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual bool OnData(std::string_view piece) = 0;  // false: pause; see Pollers::Resume
  // It is whole. An answer other than 202 where it is given.
  virtual std::optional<ApiError> OnEnd(std::string_view trailer) = 0;
  virtual void OnBroken() = 0;  // the runtime broke it off
};

// What the Runtime API asks for; implemented by the native mode.
class RuntimeService {
 public:
  virtual ~RuntimeService() = default;
  // Answered now or later by ApiServer::Deliver, or refused.
  virtual std::optional<ApiError> OnNext(uint64_t poller) = 0;
  virtual void OnPollerGone(uint64_t poller) = 0;
  // A response begins. `resume`: to be called when a sink that paused takes more; valid as long as
  // the sink. Null: `error` says why it is refused.
  virtual std::unique_ptr<ResponseSink> OnResponse(std::string_view id,
                                                   const http::RequestHead& head,
                                                   std::function<void()> resume,
                                                   ApiError* error) = 0;
  virtual std::optional<ApiError> OnError(std::string_view id, std::string_view body,
                                          std::string_view content_type) = 0;
  virtual std::optional<ApiError> OnInitError(std::string_view body) = 0;
};

// The HTTP side of AWS's Runtime API (version 2018-06-01), for the one runtime of this replica.
// Belongs to the loop's thread; owned by the native mode.
class ApiServer final : public ConnectionOwner {
 public:
  ApiServer(net::Loop& loop, RuntimeService& service);
  ~ApiServer() override;
  absl::Status Listen(const net::Address& address);
  net::Address address() const { return listener_->address(); }

  // Answers a parked `next`. `fields`: "Name: value\r\n" lines.
  void Deliver(uint64_t poller, std::string_view fields, std::string_view event);
  // The runtime is gone: so are its connections.
  void CloseAll();

  void OnRequest(ServerConnection& connection) override;
  void OnConnectionClosed(ServerConnection& connection) override;

 private:
  class Exchange;
  friend class Exchange;
  void Bury();

  net::Loop& loop_;
  RuntimeService& service_;
  ConnectionOptions options_;
  std::unique_ptr<net::Listener> listener_;
  struct Entry {
    std::unique_ptr<ServerConnection> connection;
    std::unique_ptr<Exchange> exchange;  // of the current request
  };
  std::unordered_map<ServerConnection*, Entry> connections_;
  std::unordered_map<uint64_t, ServerConnection*> parked_;
  std::vector<Entry> dead_;
  uint64_t last_poller_ = 0;
};

}  // namespace hearth::watchdog
